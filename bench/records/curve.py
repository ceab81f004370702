"""Curves of policies in records, and their summaries: accuracy at a cost, the area below, the mean exit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Self

from pydantic import Field, model_validator

from bench.plugins.plugin import Whole
from bench.records.reading import Written

LOSS = 0.005
"""Accuracy, as a share, that a policy's shipped point may lose to its best one on the calibration split."""


@dataclass(frozen=True)
class Point:
    """One operating point of a policy on the test split."""

    __pydantic_config__ = (
        Written.model_config
    )  # a record's are validated, and what is computed here is not: there are many

    thresholds: list[float | None]
    """of each exit, from the calibration split; null stands for never"""
    accuracy: float
    macs: float
    """mean over the samples, heads on the way included"""
    shares: list[float]
    """of the samples that left at each exit"""
    calibration_accuracy: float | None
    """on the calibration split, for choosing among points; null for a reference"""
    calibration_macs: float | None

    @property
    def exit(self) -> float:
        """The mean exit, counted from 0."""
        return sum(number * share for number, share in enumerate(self.shares))


class Counts(Written):
    """A split's samples at every operating point: where they left, and how many were answered rightly."""

    left: list[list[Whole]]
    """how many left at each exit"""
    right: list[Whole]
    """how many were answered rightly"""

    def fits(self, points: int, exits: int) -> bool:
        """Whether there is a row for each point, a number for each exit, and the same samples in all."""
        totals = {sum(row) for row in self.left}
        return (
            len(self.left) == len(self.right) == points
            and all(len(row) == exits for row in self.left)
            and (not totals or (len(totals) == 1 and max(self.right) <= max(totals) > 0))
        )


class Curve(Written):
    """Accuracy against mean MACs for one policy."""

    policy: str
    reference: bool
    """whether it saw labels: a bound, never ranked"""
    points: list[Point] = Field(default_factory=list)
    """in records of version 1; later ones hold counts instead"""
    costs: list[float] = Field(default_factory=list)
    """MACs of leaving at each exit, heads on the way included"""
    thresholds: list[list[float | None]] = Field(default_factory=list)
    """of each point and exit, from the calibration split; null is never; empty if they alone do not decide"""
    test: Counts | None = None
    calibration: Counts | None = None
    """null for a reference"""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.test is not None:
            points, exits = len(self.test.right), len(self.costs)
            parts = [part for part in (self.test, self.calibration) if part is not None]
            rows = [len(row) for row in self.thresholds]
            if not all(part.fits(points, exits) for part in parts) or rows not in ([], [exits] * points):
                raise ValueError(f"the columns of the curve of {self.policy} do not fit each other")
        return self

    @cached_property
    def outcomes(self) -> list[Point]:
        """Every operating point, from never leaving early to always."""
        if self.test is None:
            return self.points
        test = self._rates(self.test)
        calibration = self._rates(self.calibration) if self.calibration else [(None, None, None)] * len(test)
        thresholds = self.thresholds or [[]] * len(test)
        return [
            Point(row, accuracy, macs, shares, calibration_accuracy, calibration_macs)
            for row, (accuracy, macs, shares), (calibration_accuracy, calibration_macs, _) in zip(
                thresholds, test, calibration, strict=True
            )
        ]  # fmt: skip

    def _rates(self, counts: Counts) -> list[tuple[float, float, list[float]]]:
        """Accuracy, mean MACs and shares of every point."""
        rates = []
        for row, right in zip(counts.left, counts.right, strict=True):
            total = sum(row)
            shares = [left / total for left in row]
            macs = sum([share * cost for share, cost in zip(shares, self.costs, strict=True)])
            rates.append((right / total, macs, shares))
        return rates

    def within(self, macs: float) -> Point | None:
        """The point that was best on the calibration split among those that kept to a mean cost there.

        A reference has numbers on the test split alone, and is judged by these.
        """
        bound = macs * (1 + 1e-9)
        fits = [(accuracy, point) for cost, accuracy, point in self._judged if cost <= bound]
        return max(fits, key=lambda one: one[0], default=(0.0, None))[1]

    @cached_property
    def _judged(self) -> list[tuple[float, float, Point]]:
        """Every operating point behind the cost and the accuracy by which it is chosen (`_calibrated`)."""
        return [(*_calibrated(point), point) for point in self.outcomes]

    @cached_property
    def chosen(self) -> list[Point]:
        """Points worth using, from the cheapest: on the calibration split more accurate than all that cost less there."""
        front: list[Point] = []
        highest = -math.inf
        for _, accuracy, point in sorted(self._judged, key=lambda one: (one[0], -one[1])):
            if accuracy > highest:
                front.append(point)
                highest = accuracy
        return sorted(front, key=lambda p: p.macs)

    @cached_property
    def shipped(self) -> int | None:
        """The number of the operating point to ship; None for a reference, which is never shipped.

        On the calibration split it is the cheapest that loses at most `LOSS` of accuracy to the best one.
        """
        points = [(number, macs, accuracy) for number, (macs, accuracy, _) in enumerate(self._judged)]
        best = max((accuracy for _, _, accuracy in points), default=0.0)
        good = (one for one in points if one[2] >= best - LOSS - 1e-9)
        return None if self.reference else min(good, key=lambda one: (one[1], -one[2]), default=(None,))[0]

    def at(self, macs: float) -> Spot | None:
        """Accuracy and mean exit on the test split at a mean cost; None where every chosen point costs more.

        Between two chosen points a share of the samples is left to either, so that cost, accuracy and mean exit
        are mixed alike; beyond the dearest there is no need to spend more.
        """
        if not self.chosen or self.chosen[0].macs > macs * (1 + 1e-9):
            return None
        for below, above in pairwise(self.chosen):
            if below.macs <= macs < above.macs:
                part = (macs - below.macs) / (above.macs - below.macs)
                mixed = (
                    (1 - part) * a + part * b
                    for a, b in ((below.accuracy, above.accuracy), (below.exit, above.exit))
                )
                return Spot(*mixed)
        last = self.chosen[-1] if self.chosen[-1].macs <= macs else self.chosen[0]
        return Spot(last.accuracy, last.exit)

    def area(self, full: float) -> float:
        """The area below accuracy over cost from 0 to `full`, over `full`; nothing below the cheapest chosen point."""
        inner = sum((b.macs - a.macs) * (a.accuracy + b.accuracy) / 2 for a, b in pairwise(self.chosen))
        last = self.chosen[-1:]
        return (inner + sum((full - point.macs) * point.accuracy for point in last)) / full


class Spot(NamedTuple):
    """A curve's accuracy and mean exit at one cost."""

    accuracy: float
    exit: float
    """mean, counted from 0"""


def _calibrated(point: Point) -> tuple[float, float]:
    """Cost and accuracy to choose a point by: on the calibration split, a reference's on the test split."""
    macs, accuracy = point.calibration_macs, point.calibration_accuracy
    return (point.macs if macs is None else macs), (point.accuracy if accuracy is None else accuracy)
