"""Levels: numbers in steps of a scale, from -127 to 127, and how sums of products become levels again.

A sum of products is an int32 that cannot overflow (`quantise` refuses what could). It becomes a level by a whole factor and
a shift of at least 32 bits: `low + min(max(start + sum * factor, 0) >> shift, span)` in int64, where `start` holds half a
step, so that halves round up, and the lower bound. Nothing is left to the compiler: no negative number is shifted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOP = 127
"""Levels lie between -TOP and TOP."""
SMALLEST, LARGEST = 32, 54
"""Bits of a shift."""
FINE = 8
"""Levels that are added to a sum are taken times 2 to this, so that their factors fit 32 bits."""


@dataclass(frozen=True)
class Scaling:
    """How sums become levels.

    Attributes:
        factors: of every row, int32 (R,), or of every source.
        shift: bits.
        low, high: bounds of the result.
    """

    factors: np.ndarray
    shift: int
    low: int
    high: int

    @property
    def start(self) -> int:
        """What a sum begins from: half a step, less the lower bound."""
        return (1 << (self.shift - 1)) - (self.low << self.shift)

    def levels(self, sums: np.ndarray) -> np.ndarray:
        """Levels of int64 sums that were multiplied by their factors, without `start`."""
        steps = np.maximum(sums + self.start, 0) >> self.shift
        return self.low + np.minimum(steps, self.high - self.low)


def scaling(ratios: np.ndarray, low: float, high: float, fine: int = 0) -> Scaling:
    """The scaling that multiplies by these ratios.

    Args:
        ratios: of a step of what comes in to a step of what comes out, each below 2 ** (fine - 1).
        low, high: bounds of the result, in steps of its scale; perhaps infinite.
        fine: bits by which what comes in was shifted already.
    """
    top = float(ratios.max(initial=0.0))
    exponent = int(np.floor(np.log2(top))) if top > 0 else -64
    shift = int(np.clip(30 + fine - exponent, SMALLEST, LARGEST))
    factors = np.rint(ratios.astype(np.float64) * 2.0 ** (shift - fine)).astype(np.int64)
    if len(factors) and factors.max() >= 1 << 31:
        raise ValueError(f"a ratio of {top:g} is too large")
    bounds = [int(np.clip(np.rint(bound), -TOP, TOP)) for bound in np.clip([low, high], -TOP, TOP)]
    return Scaling(factors.astype(np.int32), shift, bounds[0], bounds[1])


def level(x: np.ndarray, inverse: np.float32) -> np.ndarray:
    """Levels of float32 numbers, int8: halves round up, what lies outside is the bound, what is no number the lower one."""
    with np.errstate(invalid="ignore", over="ignore"):
        steps = x.astype(np.float32) * inverse
        inside = np.where(
            (steps > -TOP) & (steps < TOP), steps, np.where(steps >= TOP, np.float32(TOP), np.float32(-TOP))
        )
        return ((inside + np.float32(TOP + 0.5)).astype(np.int32) - TOP).astype(np.int8)
