"""Neurosurgeon: the cut of the least predicted latency or energy, layer times predicted by a regression.

Kang, Hauswald, Gao, Rovinski, Mudge, Mars, Tang, "Neurosurgeon: Collaborative Intelligence Between the Cloud and Mobile Edge",
ASPLOS 2017. The paper fits one regression for each kind of layer, to layers that a device timed once, and so decides for networks
that it never ran: `believed[by=predicted[of=FOLDER]]` as a profile tells such predictions, and the cut is chosen by them. Where a
side has a profile of this network instead, that times stages, one line in a stage's multiply-accumulates is fitted to it. Device
energy is power of computing times its seconds plus what the radio takes for the upload. The paper's ends with the last byte; here the
tail is added, in which the radio stays awake, until the next request on the mean: as if that were sent too.
"""

import math
from typing import Any, Literal

import numpy as np

from bench import Known, SeesawError, Share, SplitPolicy

FADES = 0.99
"""By which a round trip is believed to be shorter after a request that was not sent, down to the least that was: else a long one is
never measured again."""


class Neurosurgeon(SplitPolicy):
    """Cuts each request where the predicted latency, or the device's predicted energy, is least at the present rate."""

    least: Literal["latency", "energy"] = "latency"
    """what is least: seconds to the answer, or joules of the device"""
    lost: Share = 0.01
    """share of right answers that an arm may lose on the known samples"""

    def begin(self, known: Known) -> np.ndarray:
        if self.least == "energy" and not all(np.isfinite(known.watts)):
            raise SeesawError(
                "neurosurgeon[least=energy] needs the power of the device and of its radio. Give the profile watts, and choose a "
                "channel with a radio's power; or take least=latency."
            )
        arms = known.arms
        device, server = (
            arms[side] if by_layer else _predicted(arms[macs], arms[side])
            for by_layer, macs, side in zip(
                known.by_layer, ("macs", "rest"), ("device", "server"), strict=True
            )
        )
        is_energy = self.least == "energy"
        weights = known.watts if is_energy else (1.0, 1.0)
        others = 0.0 if is_energy else 1.0  # what the server and the way take costs the device no joule
        allowed = known.within(self.lost)
        radio = [known.joules_per_byte, *known.tail, 0.0] if is_energy else [0.0, 0.0, 0.0, 0.0]
        return np.concatenate([
            weights[0] * device, others * server, allowed.astype(float), [weights[1], others, math.inf, math.inf], radio,
        ])  # fmt: skip

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        count = len(arms)
        rate = seen.rate if math.isnan(seen.link) else seen.link
        memory[3 * count + 3] = min(memory[3 * count + 3], seen.trip)
        trip = memory[3 * count + 1] * (
            memory[3 * count + 2] if memory[3 * count + 2] < math.inf else seen.trip
        )
        best, least = count - 1, memory[count - 1]
        radio = 3 * count + 4  # joules a byte, seconds and watts of the tail, requests so far
        memory[radio + 3] += 1
        gap = (seen.time - seen.waited) / memory[radio + 3]
        tail = memory[radio + 2] * min(gap, memory[radio + 1])
        for number in range(count - 1):
            if memory[2 * count + number] <= 0:
                continue
            cost = memory[number] + memory[count + number] + trip
            cost += memory[radio] * arms[number].bytes + tail
            if math.isnan(rate):
                # Nobody has measured the link yet: one payload does, the smallest of those that are better over a link without end.
                is_able = seen.unsent == 0 and not cost >= memory[count - 1]  # a trip may be unknown too
                if is_able and (best == count - 1 or arms[number].bytes < arms[best].bytes):
                    best = number
            elif cost + memory[3 * count] * arms[number].bytes / rate < least:
                best, least = number, cost + memory[3 * count] * arms[number].bytes / rate
        return best

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        trip = 3 * len(arms) + 2
        if feedback.sent > 0:
            last = feedback.away - feedback.server
            memory[trip] = last if math.isinf(memory[trip]) else (memory[trip] + last) / 2
        else:
            memory[trip] = max(FADES * memory[trip], memory[trip + 1])


def _predicted(macs: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Seconds of parts by a line in their MACs that neither starts below zero nor falls, float64 (arms,); parts without MACs take none."""
    if not np.isfinite(macs).all():
        raise SeesawError(
            "neurosurgeon predicts times from MACs, and the record has none. Run it with the meter macs."
        )
    scaled, has_work = macs / max(macs.max(), 1.0), (macs > 0).astype(float)
    # A line that starts below zero would let first layers cost nothing: then the best one through zero, and the best level one for a fall.
    for columns in (np.stack([scaled, has_work], 1), scaled[:, None], has_work[:, None]):
        weights, *_ = np.linalg.lstsq(columns, seconds, rcond=None)
        if (weights >= 0).all():
            break
    return columns @ weights
