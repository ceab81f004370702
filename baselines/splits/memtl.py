"""MEMTL: several heads on one small network learn the optimiser's decisions; the sure ones count most.

Qiu, Yang, Wang, Zhang, "MEMTL: Multi-task learning based on an ensemble for computation offloading" (arXiv 2309.00907): an optimiser's decisions for many
simulated conditions are learnt by a shared layer with several heads, each of which saw other samples. Their code picks, for each test
condition, the head that is nearest to the label; no device has one, so here each head weighs by how sure it is: 1 - entropy / log(arms).

The optimiser enumerates all arms by the rate that the link really has, the network sees one that is off, as a report or the last transfer is.
It learns from simulated conditions alone, no recording and no label, before the first request: in seconds, the same from the same seed.
The paper also shares a server's processor out to several users; a device here chooses for itself.
"""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bench import Count, Known, Share, SplitPolicy, Whole

FADES = 0.99
"""By which a round trip is believed to be shorter after a request that was not sent, down to the least that was."""
FEATURES, BATCH, STEPS, SPEED = 5, 256, 600, 0.01


class Memtl(SplitPolicy):
    """Takes the arm that an ensemble, trained on simulated conditions, expects an optimiser to take."""

    heads: Annotated[int, Field(ge=1, le=16)] = 4
    """of the ensemble"""
    hidden: Annotated[int, Field(ge=1, le=512)] = 32
    """width of the layer that they share"""
    conditions: Count = 8000
    """that are simulated"""
    off: Annotated[float, Field(ge=0, le=3)] = 0.5
    """by how much the logarithm of the rate that is seen is off, a standard deviation"""
    lost: Share = 0.01
    """share of right answers that an arm may lose on the known samples"""
    seed: Whole = 0
    """of conditions, and of training"""

    def begin(self, known: Known) -> np.ndarray:
        allowed = known.within(self.lost)
        rng = np.random.default_rng([self.seed, 33])
        seen, costs = simulated(known, allowed, self.conditions, self.off, rng)
        shared, heads = _trained(features(seen), costs.argmin(1), len(allowed), self.heads, self.hidden, rng)
        head = [0.0, math.inf, math.inf]
        room = np.zeros(self.hidden + 2 * len(allowed))
        return np.concatenate([allowed.astype(float), head, shared.reshape(-1), heads.reshape(-1), room])

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        count, hidden, heads = len(arms), int(own.hidden), int(own.heads)
        state = count  # behind the arms: wait, trip, least trip
        rate = seen.rate if math.isnan(seen.link) else seen.link
        memory[state + 2] = min(memory[state + 2], seen.trip)
        trip = memory[state + 1] if memory[state + 1] < math.inf else seen.trip
        last = count - 1
        if math.isnan(rate):
            # Nobody has measured the link yet: one payload does, the smallest of those that are faster over a link without end.
            best = last
            for number in range(last):
                is_slower = arms[number].device + trip + arms[number].server >= arms[last].device
                is_smaller = best == last or arms[number].bytes < arms[best].bytes
                if memory[number] > 0 and not is_slower and seen.unsent == 0 and is_smaller:
                    best = number
            return best
        one = math.log10(max(rate, 1.0)) / 2 - 2.5
        two = math.log10(1 + max(seen.unsent, 0.0)) / 3 - 0.5 if seen.unsent < math.inf else 3.0
        three, four = math.log10(trip + 1e-4) + 2, math.log10(memory[state] + 1e-4) + 2
        five = math.log10(1 + seen.queue)
        shared = state + 3
        first = shared + hidden * (FEATURES + 1)
        room = first + heads * count * (hidden + 1)
        for unit in range(hidden):
            at = shared + unit * (FEATURES + 1)
            memory[room + unit] = math.tanh(
                memory[at] * one + memory[at + 1] * two + memory[at + 2] * three + memory[at + 3] * four + memory[at + 4] * five
                + memory[at + 5]
            )  # fmt: skip
        votes, shares = room + hidden, room + hidden + count
        for number in range(count):
            memory[votes + number] = 0.0
        for head in range(heads):
            most = -math.inf
            for number in range(count):
                at = first + (head * count + number) * (hidden + 1)
                logit = memory[at + hidden]
                for unit in range(hidden):
                    logit += memory[at + unit] * memory[room + unit]
                if memory[number] <= 0 and number < last:
                    logit = -math.inf
                memory[shares + number] = logit
                most = max(most, logit)
            total, entropy = 0.0, 0.0
            for number in range(count):
                memory[shares + number] = math.exp(memory[shares + number] - most)
                total += memory[shares + number]
            for number in range(count):
                share = memory[shares + number] / total
                memory[shares + number] = share
                entropy -= share * math.log(share) if share > 0 else 0.0
            weight = 1.0 - entropy / math.log(max(count, 2)) + 1e-6
            for number in range(count):
                memory[votes + number] += weight * memory[shares + number]
        best = last
        for number in range(count):
            if memory[votes + number] > memory[votes + best]:
                best = number
        return best

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        state = len(arms)
        trip = state + 1
        if feedback.sent > 0:
            memory[state] = max(feedback.server - arms[int(feedback.arm)].server, 0.0)
            last = feedback.away - feedback.server
            memory[trip] = last if math.isinf(memory[trip]) else (memory[trip] + last) / 2
        else:
            memory[trip] = max(FADES * memory[trip], memory[trip + 1])


def simulated(
    known: Known, allowed: np.ndarray, count: int, off: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Conditions as a device sees them, and what each arm costs by the rate that the link really has.

    Args:
        known: the arms.
        allowed: those that may be taken, boolean (arms,).
        count: of conditions.
        off: standard deviation of the logarithm of the rate that is seen.
        rng: of chance.

    Returns:
        (rate, bytes unsent, round trip, wait for the server, requests waiting: (count, 5), seconds by arm: (count, arms)). Seconds are those
        to the answer, and those by which the requests behind are delayed.
    """
    arms = known.arms
    rate = 10 ** rng.uniform(2, 8, count)
    unsent = rng.exponential(max(arms["bytes"].mean(), 1.0), count) * (rng.random(count) < 0.3)
    trip, wait = 10 ** rng.uniform(-3, 0, count), 10 ** rng.uniform(-3, 0, count) * (rng.random(count) < 0.3)
    queue = np.floor(rng.exponential(2.0, count)) * (rng.random(count) < 0.5)
    sent = (unsent[:, None] + arms["bytes"]) / rate[:, None] + (trip + wait)[:, None] + arms["server"]
    sent[:, -1] = 0.0
    costs = arms["device"] * (1 + queue[:, None]) + sent
    costs[:, ~allowed] = np.inf
    seen = np.stack([rate * np.exp(off * rng.standard_normal(count)), unsent, trip, wait, queue], 1)
    return seen, costs


def features(seen: np.ndarray) -> np.ndarray:
    """What the network takes of conditions (n, 5), about from -1 to 1, with a 1 behind: (n, 6)."""
    rate, unsent, trip, wait, queue = seen.T
    return np.stack(
        [
            np.log10(np.maximum(rate, 1.0)) / 2 - 2.5, np.log10(1 + unsent) / 3 - 0.5, np.log10(trip + 1e-4) + 2, np.log10(wait + 1e-4) + 2,
            np.log10(1 + queue), np.ones(len(seen)),
        ],
        1,
    )  # fmt: skip


def _trained(
    x: np.ndarray, labels: np.ndarray, arms: int, heads: int, hidden: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The shared layer (hidden, 6) and the heads (heads, arms, hidden + 1), by Adam on cross-entropy; each head sees its own resample."""
    shared = rng.standard_normal((hidden, FEATURES + 1))
    tops = 0.1 * rng.standard_normal((heads, arms, hidden + 1))
    weights = rng.poisson(1.0, (heads, len(x))).astype(float)
    moments = [np.zeros_like(one) for one in (shared, shared, tops, tops)]
    for step in range(1, STEPS + 1):
        rows = rng.integers(len(x), size=min(BATCH, len(x)))
        inner = np.tanh(x[rows] @ shared.T)
        outer = np.concatenate([inner, np.ones((len(rows), 1))], 1)
        logits = np.einsum("nu,hau->hna", outer, tops)
        shares = np.exp(logits - logits.max(2, keepdims=True))
        shares /= shares.sum(2, keepdims=True)
        shares[:, np.arange(len(rows)), labels[rows]] -= 1
        shares *= weights[:, rows, None] / len(rows)
        back = np.einsum("hna,hau->nu", shares, tops)[:, :-1] * (1 - inner**2)
        speed = SPEED * (1 - step / (STEPS + 1))
        for place, (weight, slope) in enumerate(
            ((shared, back.T @ x[rows]), (tops, np.einsum("hna,nu->hau", shares, outer)))
        ):
            mean, square = moments[2 * place], moments[2 * place + 1]
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            weight -= speed * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return shared, tops
