"""HI-LCB: offloads when a lower confidence bound on "the local answer is right" is low.

"HI-LCB" of arXiv 2508.08985 (2025): the chance that the device's answer is right rises with its confidence, so a bound for one
confidence is one for all higher ones too. The device learns only from what it sends: whether the server's answer was its own.
Regret grows with the logarithm of the number of requests, and a request costs one look at each of a few intervals. The paper lets the
cost of sending change. Here it is as much as a right answer is worth after a request that was given up, so all stay: but for one, after one
request, then after 2, 4 and up to 64 of them, until one is answered.
"""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bench import Count, Evaluates, Known, Positive, SeesawError, Share, SplitPolicy, Whole

MOST = 64.0
"""The most requests that stay between two that try a link over which one was given up."""


class HiLcb(SplitPolicy):
    """Sends a request on where a lower bound on the chance that the exit is right falls below what sending costs."""

    cut: Whole | None = None
    """the cut that is sent from; left open: the one behind an exit that sends the fewest bytes"""
    cost: Share = 0.1
    """of sending, as a share of what a right answer is worth"""
    intervals: Count = 16
    """of confidence, equally wide, each with a bound of its own"""
    alpha: Annotated[Positive, Field(le=10)] = 0.52
    """weight of exploring: the bound is mean - sqrt(alpha log t / n)"""
    lost: Share = 0.01
    """share of right answers that a codec may lose on the known samples"""

    @property
    def evaluates(self) -> Evaluates:
        return "last"

    def begin(self, known: Known) -> np.ndarray:
        arms = known.arms
        allowed = known.within(self.lost) & (arms["codec"] >= 0) & (arms["exits"] > 0)
        allowed &= (arms["cut"] == self.cut) | (self.cut is None)
        best = known.smallest(allowed)
        if best < 0:
            raise SeesawError(
                "hi-lcb decides at an exit, and no cut behind one keeps the right answers. Name another cut, or a larger `lost`."
            )
        return np.concatenate([[float(best), 0.0], np.zeros(2 * self.intervals + 2)])

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return int(memory[0])

    @staticmethod
    def stays(arm: Any, own: Any, memory: Any, exit_: int, confidence: float) -> bool:
        intervals = int(own.intervals)
        waits, left = (
            2 + 2 * intervals,
            3 + 2 * intervals,
        )  # requests that stay after one that tries, and how many still do
        memory[1] += 1
        if memory[left] > 0:
            memory[left] -= 1
            return True
        own_interval = min(int(confidence * intervals), intervals - 1)
        bound = 0.0
        for interval in range(own_interval + 1):
            count = memory[2 + interval]
            if count > 0:
                mean = memory[2 + intervals + interval] / count
                bound = max(bound, mean - math.sqrt(own.alpha * math.log(memory[1]) / count))
        if bound >= 1 - own.cost:
            return True
        memory[left] = memory[waits]
        return False

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        intervals = int(own.intervals)
        waits, left = 2 + 2 * intervals, 3 + 2 * intervals
        if feedback.sent > 0:
            memory[waits] = memory[left] = 0.0
        elif feedback.bytes > 0:
            memory[waits] = min(max(2 * memory[waits], 1.0), MOST)
            memory[left] = memory[waits]
        if feedback.sent > 0 and not math.isnan(feedback.same):
            interval = min(int(feedback.local * intervals), intervals - 1)
            memory[2 + interval] += 1
            memory[2 + intervals + interval] += feedback.same
