"""Configurations: every way to use a trained network that its record has numbers of, and what each takes.

A record holds sums and means over samples, so this is what is known without a run's folder: the accuracy, the share of
samples that leaves at each exit, and the bytes of a mean sample that is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from bench.records.curve import Curve
from bench.records.profile import PartTimes
from bench.records.record import Cut, Early, Record
from bench.replay.plan.queue import Arrivals, Road, Work

POINTS = 8
"""Operating points of a policy that are tried beside the shipped one where all is computed on the device: every so many-th part."""


@dataclass(frozen=True)
class Configuration:
    """A way to use a network.

    Attributes:
        cut: first stage of the server's part; the number of stages where all is on the device.
        codec: of what is sent; empty where nothing is.
        policy: by which samples leave early on the device; None for none.
        point: the number of its operating point; None for the one that each seed ships.
    """

    cut: int
    codec: str = ""
    policy: str | None = None
    point: int | None = None


@dataclass(frozen=True)
class Facts:
    """What a configuration of one seed's network takes, for a mean sample.

    Attributes:
        accuracy: share of right answers on the test split.
        device_bytes: packed, of the part on the device; None where nothing was packed.
        leaves: shares of samples by the exit on the device where they leave; the rest is sent, or goes to the end.
        reach: seconds on the device of a sample that leaves at each of these exits.
        seconds: on the device of a sample that leaves at none of them.
        framed: bytes of a sample that is sent, in a frame; 0 where none is.
        server: seconds there.
        is_even: whether every sample sends as many bytes.
        point: the number of the policy's operating point; None without one.
    """

    accuracy: float
    device_bytes: float | None
    leaves: tuple[float, ...]
    reach: tuple[float, ...]
    seconds: float
    framed: float
    server: float
    is_even: bool = True
    point: int | None = None

    @property
    def sent(self) -> float:
        """The share of samples that is sent."""
        return max(1.0 - sum(self.leaves), 0.0) if self.framed else 0.0

    @property
    def compute(self) -> float:
        """Seconds on the device, mean of a sample."""
        inner = sum(share * one for share, one in zip(self.leaves, self.reach, strict=True))
        return inner + max(1.0 - sum(self.leaves), 0.0) * self.seconds

    def least(self, road: Road, miss: float) -> float:
        """Seconds within which all but a share of requests cannot be answered sooner, with nobody waiting."""
        lasts = self.seconds + (road.least(self.framed) + self.server if self.framed else 0.0)
        groups = sorted([*zip(self.reach, self.leaves, strict=True), (lasts, 1.0 - sum(self.leaves))])
        held = 0.0
        for seconds, share in groups:
            held += share
            if held >= 1.0 - miss - 1e-9:
                return seconds
        return groups[-1][0]

    def work(self, arrivals: Arrivals) -> Work:
        """What requests take, each of a sample drawn by the shares."""
        bounds = np.array(list(accumulate(self.leaves)))
        exits = np.searchsorted(bounds, arrivals.luck[:, 0], side="left")
        device = np.array([*self.reach, self.seconds])[exits]
        is_sent = (exits == len(self.leaves)) & (self.framed > 0)
        return Work(device, is_sent, np.full(len(device), self.framed), self.server)


def configurations(
    record: Record, device: PartTimes, server: PartTimes
) -> Iterator[tuple[Configuration, Facts]]:
    """Every configuration of a record that has an accuracy.

    Args:
        record: of one seed.
        device: the device's profile for it.
        server: the server's.
    """
    last, curves = len(record.cuts) - 1, {one.policy: one for one in record.curves}
    stages = [one.stage for one in record.exits]
    for number, cut in enumerate(record.cuts):
        here = sum(stage < number for stage in stages)
        size = 0.0 if number == 0 else _packed(cut)
        if number == last:
            yield from _on_device(record, size, device)
            continue
        for codec in [name.removeprefix("framed.") for name in cut.readings if name.startswith("framed.")]:
            if f"top1.{codec}" not in cut.readings:
                continue
            seconds = device.device[number] + device.encoders.get((number, codec), 0.0)
            there = server.server[number] + server.decoders.get((number, codec), 0.0)
            framed, is_even = _framed(cut, codec)
            yield (
                Configuration(number, codec),
                Facts(cut.readings[f"top1.{codec}"].value, size, (), (), seconds, framed, there, is_even),
            )
            for early in cut.early:
                curve = curves.get(early.policy)
                if curve is None or curve.test is None or codec not in early.behind:
                    continue
                facts = _early(early, curve, codec, here, device, (seconds, there, size, is_even))
                if facts is not None:
                    yield Configuration(number, codec, early.policy), facts


def _on_device(
    record: Record, size: float | None, device: PartTimes
) -> Iterator[tuple[Configuration, Facts]]:
    """All stages on the device: without early exits, and by each policy at some of its operating points."""
    last, whole = len(record.cuts) - 1, device.device[-1]
    top1 = record.exits[-1].readings.get("top1")
    if top1 is not None:
        yield Configuration(last), Facts(top1.value, size, (), (), whole, 0.0, 0.0)
    reach = _reach(device, len(record.exits) - 1)
    for curve in record.curves:
        if curve.reference or curve.test is None or len(record.exits) < 2:
            continue
        shipped, points = curve.shipped, len(curve.test.right)
        step = max(points // POINTS, 1)
        for point in [None, *range(0, points, step)]:
            number = shipped if point is None else point
            if number is None:
                continue
            left, right = curve.test.left[number], curve.test.right[number]
            total = sum(left)
            yield Configuration(last, "", curve.policy, point), Facts(
                right / total, size, tuple(one / total for one in left[:-1]), reach, whole + sum(device.heads[:-1]), 0.0, 0.0,
                point=number,
            )  # fmt: skip


def _early(
    early: Early,
    curve: Curve,
    codec: str,
    here: int,
    device: PartTimes,
    rest: tuple[float, float, float | None, bool],
) -> Facts | None:
    """A policy at its shipped point before a cut; None where no sample or every sample is sent."""
    assert curve.test is not None
    if early.point >= len(curve.test.right):
        return None
    left, right = curve.test.left[early.point], curve.test.right[early.point]
    total, behind = sum(left), early.behind[codec]
    crossing = early.crossing(codec, total)
    seconds, there, size, is_even = rest
    framed = behind.framed / crossing if crossing else 0.0
    return Facts(
        early.accuracy(codec, total, right), size, tuple(one / total for one in left[:here]), _reach(device, here),
        seconds + sum(device.heads[:here]), framed, there, is_even, early.point,
    )  # fmt: skip


def _reach(device: PartTimes, exits: int) -> tuple[float, ...]:
    """Seconds of a sample that leaves at each of the first exits, heads before it included."""
    before = [0.0, *accumulate(device.heads)]
    return tuple(max(device.exits[one] - device.heads[one], 0.0) + before[one + 1] for one in range(exits))


def _packed(cut: Cut) -> float | None:
    """The fewest bytes that the device's part was packed into."""
    sizes = [
        one.value
        for name, one in cut.readings.items()
        if name.startswith("bytes.") and name.endswith(".device")
    ]
    return min(sizes, default=None)


def _framed(cut: Cut, codec: str) -> tuple[float, bool]:
    """The framed bytes of a mean sample (of the median one in older records), and whether all send as many."""
    framed, payload = cut.readings[f"framed.{codec}"], cut.readings.get(f"payload.{codec}")
    volume = cut.readings.get(f"volume.{codec}")
    is_even = framed.low is not None and framed.low == framed.high
    if volume is None or payload is None:
        return framed.value, is_even
    return framed.value + volume.value - payload.value, is_even
