"""Lyapunov: drift plus penalty, the time to the answer against queues and an energy budget, without any forecast.

Neely, "Stochastic Network Optimization with Application to Communication and Queueing Systems", 2010, chapter 4: to make a penalty small
on the mean while a constraint holds on the mean, keep a virtual queue Z of what the constraint was exceeded by, and take at each time the
action with the least drift of all queues plus V times the penalty. Here, in shares of the whole network's seconds on the device and of the
budget, a request takes the arm with the least

    V T(arm) + Q t_device(arm) + Z e(arm),    Z <- max(Z + e - 1, 0) once a request's joules are known

T is the predicted time to the answer at the present rate, what waits for the link included; Q the requests that wait for the device behind
this one, each of which the arm delays by its seconds there; e the joules of computing and sending. The mean energy exceeds
the budget by Z / requests at most, and may stay below it where V is small; in theory the mean time is within B / V of the best that any policy
reaches under it (theorem 4.8, for independent conditions and true, not predicted, times).
What is unknown of a link is predicted as `dynamic` does.
"""

import math
from typing import Any

import numpy as np

from bench import Known, Positive, SeesawError, Share, SplitPolicy

FADES = 0.99
"""By which a round trip is believed to be shorter after a request that was not sent, down to the least that was."""


class Lyapunov(SplitPolicy):
    """Takes the arm of the least drift of queues plus V times the time to the answer, within joules on the mean."""

    v: Positive = 1.0
    """weight of the own time to the answer against the queues: the more, the less regard for those that wait, and the longer a budget is exceeded"""
    budget: Positive | None = None
    """joules of the device a request, on the mean; left open: none"""
    lost: Share = 0.01
    """share of right answers that an arm may lose on the known samples"""

    def begin(self, known: Known) -> np.ndarray:
        compute, radio = known.watts
        if self.budget is not None and math.isnan(compute):
            raise SeesawError(
                "lyapunov[budget=] counts joules, and the device's power is unknown. Give the profile watts, such as scaled[watts=2.5], or "
                "leave the budget out."
            )
        allowed = known.within(self.lost)
        power = (compute, 0.0 if math.isnan(radio) else radio) if self.budget is not None else (0.0, 0.0)
        return np.concatenate([
            allowed.astype(float), [0.0, 0.0, math.inf, math.inf, max(known.whole, 1e-9), *power, self.budget or 1.0]
        ])  # fmt: skip

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        last = len(arms) - 1
        state = last + 1  # behind the arms: Z, wait, trip, least trip, whole, watts of both, budget
        rate = seen.rate if math.isnan(seen.link) else seen.link
        memory[state + 3] = min(memory[state + 3], seen.trip)
        trip = memory[state + 2] if memory[state + 2] < math.inf else seen.trip
        debt, whole, budget = memory[state], memory[state + 4], memory[state + 7]
        best, least = last, math.inf
        if math.isnan(rate):
            # Nobody has measured the link yet: one payload does, the smallest of those that are faster over a link without end.
            for number in range(last):
                is_slower = arms[number].device + trip + arms[number].server >= arms[last].device
                if memory[number] > 0 and not is_slower and seen.unsent == 0 and arms[number].bytes < least:
                    best, least = number, arms[number].bytes
            return best
        for number in range(last + 1):
            if memory[number] <= 0 and number < last:
                continue
            arm = arms[number]
            seconds, sending = arm.device, 0.0
            if number < last:
                sending = arm.bytes / rate if rate > 0 else math.inf
                waits = seen.unsent / rate if seen.unsent > 0 else 0.0
                seconds += waits + sending + trip + memory[state + 1] + arm.server
            joules = memory[state + 5] * arm.device + (memory[state + 6] * sending if sending > 0 else 0.0)
            score = (own.v * seconds + seen.queue * arm.device) / whole + debt * joules / budget
            if score < least:
                best, least = number, score
        return best

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        state = len(arms)
        if not math.isnan(own.budget) and not math.isnan(feedback.joules):
            memory[state] = max(memory[state] + feedback.joules / memory[state + 7] - 1.0, 0.0)
        trip = state + 2
        if feedback.sent > 0:
            memory[state + 1] = max(feedback.server - arms[int(feedback.arm)].server, 0.0)
            last = feedback.away - feedback.server
            memory[trip] = last if math.isinf(memory[trip]) else (memory[trip] + last) / 2
        else:
            memory[trip] = max(FADES * memory[trip], memory[trip + 1])
