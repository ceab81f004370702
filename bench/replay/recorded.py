"""Curves as a record holds them, and the states of their operating points."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from bench.curves import Counts, Curve
from bench.plugin import Choice
from bench.policy import Policy, Reference, State
from bench.replay.curve import OperatingPoint, Outcome, curve
from bench.trace import Trace


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
