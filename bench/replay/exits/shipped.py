"""Curves as a record holds them, the states of their operating points, and the shipped points."""

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
    """A policy at the operating point at which it would be shipped.

    Attributes:
        spec: the policy's spec.
        policy: the policy.
        point: the number of the point on the policy's curve.
        state: the policy's state at that point.
    """

    spec: str
    policy: Policy
    point: int
    state: State

    @classmethod
    def of(cls, choice: Choice[Policy], curve: Curve, states: Sequence[State]) -> Shipped | None:
        """The policy at its curve's shipped point; None for a reference, or without that point's state."""
        point = curve.shipped
        return (
            None
            if point is None or point >= len(states)
            else cls(choice.spec, choice.plugin, point, states[point])
        )


def shipped_by(
    policies: Sequence[Choice[Policy]], curves: Sequence[Curve], states: Mapping[str, Sequence[State]]
) -> list[Shipped]:
    """Every policy that has a curve, at its shipped point; references, which nobody ships, are left out."""
    by_spec = {curve.policy: curve for curve in curves}
    shipped = (
        Shipped.of(choice, by_spec[choice.spec], states.get(choice.spec, []))
        for choice in policies
        if choice.spec in by_spec
    )
    return [one for one in shipped if one is not None]


def recorded(choice: Choice[Policy], calibration: Trace, test: Trace) -> tuple[Curve, list[State]]:
    """Returns (a policy's curve as records hold it, the state of every point).

    The curve counts in the unit of the traces' costs: MACs in the record of a run.
    """
    points = curve(choice.plugin, calibration, test)
    states = [point.state for point in points if point.state is not None]
    calibrated = [point.calibration for point in points if point.calibration is not None]
    block = Curve(
        policy=choice.spec,
        reference=isinstance(choice.plugin, Reference),
        costs=test.costs.tolist(),
        thresholds=_thresholds(points),
        test=_counts([point.test for point in points]),
        calibration=_counts(calibrated) if calibrated else None,
    )
    return block, states


def _counts(outcomes: Sequence[Outcome]) -> Counts:
    return Counts(
        left=[outcome.left.tolist() for outcome in outcomes], right=[outcome.right for outcome in outcomes]
    )


def _thresholds(points: Sequence[OperatingPoint]) -> list[list[float | None]]:
    """The thresholds of every point; none where some point's state holds anything else."""
    thresholds = [point.thresholds for point in points]
    rows = [_row(row) for row in thresholds if row is not None]
    return rows if len(rows) == len(thresholds) else []


def _row(thresholds: Tensor) -> list[float | None]:
    """Thresholds with nine digits, enough to restore a float32 exactly; None where infinite or NaN."""
    return [float(f"{value:.9g}") if math.isfinite(value) else None for value in thresholds.tolist()]
