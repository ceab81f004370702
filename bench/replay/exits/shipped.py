"""Curves as a record holds them, the states of their operating points, and the one that would be shipped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from bench.kinds.policy import Policy, Reference, State
from bench.plugins.plugin import Choice
from bench.records.curve import Counts, Curve
from bench.replay.exits.curve import OperatingPoint, Outcome, curve
from bench.replay.trace import Trace


@dataclass(frozen=True)
class Shipped:
    """A policy at the operating point at which one would ship it.

    Attributes:
        spec: of the policy.
        policy: the policy.
        point: the number of the point on its curve.
        state: of that point.
    """

    spec: str
    policy: Policy
    point: int
    state: State

    @classmethod
    def of(cls, choice: Choice[Policy], curve: Curve, states: Sequence[State]) -> Shipped | None:
        """None for a reference."""
        point = curve.shipped
        return (
            None
            if point is None or point >= len(states)
            else cls(choice.spec, choice.plugin, point, states[point])
        )


def shipped_by(
    policies: Sequence[Choice[Policy]], curves: Sequence[Curve], states: Mapping[str, Sequence[State]]
) -> list[Shipped]:
    """Every policy where one would ship it; references, which no one can, are left out."""
    by_spec = {curve.policy: curve for curve in curves}
    found = (
        Shipped.of(choice, by_spec[choice.spec], states.get(choice.spec, []))
        for choice in policies
        if choice.spec in by_spec
    )
    return [one for one in found if one is not None]


def recorded(choice: Choice[Policy], calibration: Trace, test: Trace) -> tuple[Curve, list[State]]:
    """A policy's curve on two traces whose costs are MACs, and the state of every point."""
    points = curve(choice.plugin, calibration, test)
    states = [point.state for point in points if point.state is not None]
    here = [point.calibration for point in points if point.calibration is not None]
    told = Curve(
        policy=choice.spec,
        reference=isinstance(choice.plugin, Reference),
        costs=test.costs.tolist(),
        thresholds=_thresholds(points),
        test=_counts([point.test for point in points]),
        calibration=_counts(here) if here else None,
    )
    return told, states


def _counts(outcomes: Sequence[Outcome]) -> Counts:
    return Counts(
        left=[outcome.left.tolist() for outcome in outcomes], right=[outcome.right for outcome in outcomes]
    )


def _thresholds(points: Sequence[OperatingPoint]) -> list[list[float | None]]:
    found = [point.thresholds for point in points]
    rows = [_row(row) for row in found if row is not None]
    return rows if len(rows) == len(found) else []


def _row(thresholds: Tensor) -> list[float | None]:
    """Nine digits say a float32 exactly."""
    return [float(f"{value:.9g}") if math.isfinite(value) else None for value in thresholds.tolist()]
