"""The numbers that boards show of a policy's curve, instead of its operating points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

from bench.records.curve import Curve

SHARES = (0.25, 0.5, 0.75)
"""The costs at which policies are compared, as shares of the whole network's."""
BUDGETS = tuple(number / 10 for number in range(1, 11))
"""The budgets at which policies are drawn, as shares of the last exit's effective MACs."""


class Shipped(NamedTuple):
    """The operating point at which a policy is shipped."""

    accuracy: float
    macs: float
    calibration_accuracy: float | None
    calibration_macs: float | None


class CurveExtract(NamedTuple):
    """The numbers that boards show of one policy's curve.

    Attributes:
        policy: its spec.
        reference: whether it saw labels.
        whole: MACs of the whole network, of which costs are shares; None if not counted.
        at: top-1 at each of `SHARES` of them.
        exit: the mean exit, from 0, at half of them.
        area: the one below top-1 over cost, as a share.
        shipped: the point at which it is shipped; None for a reference.
        within: MACs and top-1 of the point that calibration chooses within each of `BUDGETS`.
        alone: of the points at which all samples leave at one exit, calibration accuracy, top-1 and MACs of the one that is best
            on the calibration split; None for a reference.
        bound: of a reference, top-1 and MACs of its best point.
    """

    policy: str
    reference: bool
    whole: float | None
    at: Sequence[float | None]
    exit: float | None
    area: float | None
    shipped: Shipped | None
    within: Sequence[Sequence[float] | None]
    alone: Sequence[float] | None
    bound: Sequence[float] | None

    @classmethod
    def of(cls, curve: Curve, macs: float | None) -> Self:
        """The numbers of a curve.

        Args:
            curve: as it was recorded.
            macs: of the whole network, for curves of version 1, which have no costs.
        """
        whole = curve.costs[-1] if curve.costs else macs
        spots = [curve.at(share * whole) if whole else None for share in SHARES]
        half = curve.at(whole / 2) if whole else None
        chosen = [curve.within(share * whole) if whole else None for share in BUDGETS]
        number = curve.shipped
        point = None if number is None else curve.outcomes[number]
        return cls(
            curve.policy, curve.reference, whole,
            tuple(None if spot is None else spot.accuracy for spot in spots),
            None if half is None else half.exit,
            curve.area(whole) if whole and not curve.reference else None,
            None if point is None else Shipped(
                point.accuracy, point.macs, point.calibration_accuracy, point.calibration_macs
            ),
            tuple(None if one is None else (one.macs, one.accuracy) for one in chosen),
            *_best(curve),
        )  # fmt: skip


def _best(curve: Curve) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """The best point at which all leave at one exit, and a reference's best point."""
    if curve.reference:
        best = max(curve.outcomes, key=lambda point: (point.accuracy, -point.macs), default=None)
        return None, None if best is None else (best.accuracy, best.macs)
    fixed = [p for p in curve.outcomes if max(p.shares) == 1.0 and p.calibration_accuracy is not None]
    alone = max(fixed, key=lambda p: (p.calibration_accuracy or 0.0, -p.macs), default=None)
    return None if alone is None else (alone.calibration_accuracy or 0.0, alone.accuracy, alone.macs), None
