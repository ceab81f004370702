"""Mean: a mean over seeds or passes, and its 95% interval."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.special import stdtrit


@dataclass(frozen=True)
class Mean:
    """A mean and the half-width of its 95% interval by Student's t, which is None for one value."""

    value: float
    half: float | None
    n: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Mean | None:
        """The mean of some values; None where there are none."""
        values = list(values)
        if not values:
            return None
        if len(values) == 1:
            return cls(values[0], None, 1)
        t = float(stdtrit(len(values) - 1, 0.975))
        return cls(statistics.fmean(values), t * statistics.stdev(values) / len(values) ** 0.5, len(values))

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
