"""Differences: two networks compared by pairs of seeds, with an interval, and tests that may answer "cannot tell"."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from scipy.special import stdtrit

MARGIN = 0.005
"""Share of accuracy that counts as no loss."""
ROUNDING = 1e-9
"""Differences of accuracies below this come from the order in which numbers were added up."""
Verdict = Literal["within", "worse", "cannot tell"]
"""The answer to the question whether a network loses at most the margin."""
LEVELS = (0.975, 0.95)
"""One-sided levels of Student's t: of a 95% interval, and of a test at 5% on either side of the margin."""


@dataclass(frozen=True)
class Difference:
    """The mean of one network's accuracy minus another's, over the seeds that both have.

    Attributes:
        mean: of the differences, as a share.
        half: half the width of its 95% interval; None for a single pair.
        tested: half the width of its 90% interval, which two one-sided tests at 5% are read from; None likewise.
        pairs: the number of seeds that both have.
    """

    mean: float
    half: float | None
    tested: float | None
    pairs: int

    @classmethod
    def paired(cls, own: Mapping[int, float], other: Mapping[int, float]) -> Difference | None:
        """The difference of two networks' accuracies by seed; None where they share no seed."""
        values = [own[seed] - other[seed] for seed in sorted(own.keys() & other.keys())]
        if not values:
            return None
        if len(values) == 1:
            return cls(values[0], None, None, 1)
        if min(values) == max(values):
            return cls(values[0], 0.0, 0.0, len(values))
        mean = math.fsum(values) / len(values)
        squares = math.fsum((value - mean) * (value - mean) for value in values)
        error = math.sqrt(squares / (len(values) - 1) / len(values))
        half, tested = (quantile(level, len(values) - 1) * error for level in LEVELS)
        return cls(mean, half, tested, len(values))

    @property
    def is_told(self) -> bool:
        """Whether the 95% interval leaves 0 out, so that the two can be told apart."""
        return self.half is not None and abs(self.mean) > self.half + ROUNDING

    @property
    def verdict(self) -> Verdict:
        """Whether the loss, this difference with its sign turned, is at most `MARGIN`.

        Two one-sided t-tests at 5% (Schuirmann, J. Pharmacokinet. Biopharm. 1987): *within* where a loss as large as the
        margin is rejected, *worse* where a loss as small as the margin is rejected, *cannot tell* where neither is.
        """
        if self.tested is None:
            return "cannot tell"
        if self.mean - self.tested >= -MARGIN - ROUNDING:
            return "within"
        return "worse" if self.mean + self.tested < -MARGIN - ROUNDING else "cannot tell"


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict on several exits together: within where all are, worse where one is."""
    if "worse" in verdicts:
        return "worse"
    return "within" if verdicts and set(verdicts) == {"within"} else "cannot tell"


@cache
def quantile(level: float, freedom: int) -> float:
    """The quantile of Student's t at a one-sided level, for so many degrees of freedom."""
    return float(stdtrit(freedom, level))
