"""Mean: a mean over seeds or passes, and its 95% interval."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from scipy.special import stdtrit


class Mean(NamedTuple):
    """A mean and the half-width of its 95% interval by Student's t, which is None for one value."""

    value: float
    half: float | None
    n: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Mean | None:
        """The mean of some values; None where there are none."""
        values = values if isinstance(values, list) else list(values)
        if not values:
            return None
        if len(values) == 1:
            return cls(values[0], None, 1)
        if min(values) == max(values):
            return cls(values[0], 0.0, len(values))
        mean = math.fsum(values) / len(values)
        squares = math.fsum([(value - mean) * (value - mean) for value in values])
        error = math.sqrt(squares / (len(values) - 1) / len(values))
        return cls(mean, _quantile(len(values) - 1) * error, len(values))

    @property
    def interval(self) -> tuple[float, float, float]:
        """The mean, and the lower and the upper end of the interval."""
        return self.value, self.low, self.high

    @property
    def low(self) -> float:
        """The lower end of the interval; for one value, that value."""
        return self.value - (self.half or 0.0)

    @property
    def high(self) -> float:
        """The upper end of the interval; for one value, that value."""
        return self.value + (self.half or 0.0)


@cache
def _quantile(freedom: int) -> float:
    """The two-sided 95% quantile of Student's t."""
    return float(stdtrit(freedom, 0.975))
