"""The Bjontegaard difference: how many bytes more or fewer one rate curve takes than another for equal quality.

After Bjontegaard, Calculation of Average PSNR Differences between RD-curves, ITU-T VCEG-M33, 2001: the logarithm of the rate is
interpolated over the quality, and the mean difference of the two is taken over the qualities that both curves reach. He fits
cubic polynomials, which swing between unevenly spaced points; here it is the piecewise cubic of Fritsch and Carlson (PCHIP, SIAM
J. Numer. Anal. 1980), which passes through every point and is monotone between them, as later reference software does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from scipy.interpolate import PchipInterpolator

from bench.errors import counted

FEWEST = 3
"""Points that a curve must have; Bjontegaard's four for his cubic are not needed to interpolate."""

LEAST_SHARED = 0.1
"""Of the narrower curve's range of quality, the share that both must reach: over less, a mean says nothing of the curves."""


class RatePoint(NamedTuple):
    """One operating point of a codec.

    Attributes:
        bytes: mean payload of a sample.
        quality: a share, such as top-1 accuracy.
    """

    bytes: float
    quality: float


class BdRate(NamedTuple):
    """The Bjontegaard difference of the rate.

    Attributes:
        value: bytes more than the reference, as a share: -0.5 is half the bytes; None where there is no such number.
        low: the lowest quality that is compared.
        high: the highest.
        reason: why there is no number; empty where there is one.
    """

    value: float | None
    low: float = math.nan
    high: float = math.nan
    reason: str = ""


def best_points(points: Iterable[RatePoint]) -> list[RatePoint]:
    """The points that no other beats or equals in both bytes and quality: both rise from one to the next."""
    kept: list[RatePoint] = []
    for one in sorted(points, key=lambda point: (point.bytes, -point.quality)):
        if not kept or one.quality > kept[-1].quality:
            kept.append(one)
    return kept


def bd_rate(points: Sequence[RatePoint], reference: Sequence[RatePoint]) -> BdRate:
    """The mean difference of the rate between two curves at equal quality.

    Args:
        points: of a curve, in any order; those that others beat are left out.
        reference: of the curve that it is compared with.

    Returns:
        The difference; or a reason, where a curve has fewer than `FEWEST` points or no bytes at one, or where the two share no
        quality, or hardly any (`LEAST_SHARED`).
    """
    own, other = best_points(points), best_points(reference)
    for which, curve in (("the curve", own), ("the reference", other)):
        if len(curve) < FEWEST:
            found = counted(len(curve), "point")
            return BdRate(None, reason=f"{which} has {found} that no other beats, and needs {FEWEST}")
    if own[0].bytes <= 0 or other[0].bytes <= 0:
        return BdRate(None, reason="a point of no bytes has no logarithm")
    low = max(own[0].quality, other[0].quality)
    high = min(own[-1].quality, other[-1].quality)
    if low >= high:
        above = own[0].quality >= other[-1].quality
        return BdRate(
            None, reason=f"all its points are {'above' if above else 'below'} the reference's in quality"
        )
    if high - low < LEAST_SHARED * min(curve[-1].quality - curve[0].quality for curve in (own, other)):
        return BdRate(None, reason=f"the two share too little: from {low:.2%} to {high:.2%}")
    areas = [
        PchipInterpolator([one.quality for one in curve], [math.log(one.bytes) for one in curve]).integrate(low, high)
        for curve in (own, other)
    ]  # fmt: skip
    return BdRate(math.expm1(float(areas[0] - areas[1]) / (high - low)), low, high)
