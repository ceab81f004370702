"""Tallies: the results of policies on a stream, over its reshufflings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.records.mean import Mean
from bench.records.terms import Terms


@dataclass
class PolicyRow:
    """The results of one policy, reference or baseline under its terms.

    Attributes:
        name: a policy's name and settings without its terms, or `ALL_LAYERS`, `EARLY_EXIT`.
        terms: the terms of the reward.
        bound: whether it sees labels or the whole stream, and so is never ranked.
        settings: all settings of the policy or reference; empty for a baseline.
        tallies: one for each reshuffling.
    """

    name: str
    terms: Terms
    bound: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    tallies: list[Tally] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The name, and whether it is a bound."""
        return f"{self.name} (bound)" if self.bound else self.name

    def mean(self, name: str) -> Mean:
        """The mean over reshufflings of `accuracy`, `cost`, `sent`, or of `regret` at the end."""
        values = [getattr(one, name) for one in self.tallies]
        mean = Mean.of(float(value[-1]) if name == "regret" else value for value in values)
        assert mean is not None
        return mean

    def regret(self) -> np.ndarray:
        """Mean regret, and the low and high end of its 95% interval, at every mark: float64 (3, marks)."""
        each = np.stack([one.regret for one in self.tallies])
        means = [Mean.of(column) for column in each.T.tolist()]
        return np.array([mean.interval for mean in means if mean is not None]).T


@dataclass(frozen=True)
class Tally:
    """The results of one policy on one reshuffling of a stream.

    Attributes:
        accuracy: share of samples answered rightly.
        cost: mean booked cost of a sample.
        sent: share of samples that were sent on.
        regret: the best fixed arm's sum of rewards less the policy's, after each mark, float64 (marks,).
        plays: share of samples for which each arm was played, float64 (arms,).
    """

    accuracy: float
    cost: float
    sent: float
    regret: np.ndarray
    plays: np.ndarray


def against(rows: Sequence[PolicyRow], row: PolicyRow, name: str) -> tuple[float, float]:
    """Returns (a row's cost over that of (a) or (b) less 1, its accuracy less theirs in points).

    Args:
        rows: rows of a sweep, with (a) and (b) under the row's terms among them.
        row: the row.
        name: `ALL_LAYERS` or `EARLY_EXIT`.
    """
    other = next(one for one in rows if one.terms == row.terms and one.name == name)
    cost, accuracy = (one.value for one in (other.mean("cost"), other.mean("accuracy")))
    return row.mean("cost").value / cost - 1, 100 * (row.mean("accuracy").value - accuracy)


def varied(rows: Sequence[PolicyRow]) -> set[str]:
    """The names of the terms in which rows differ."""
    return {name for name in Terms._fields if len({getattr(row.terms, name) for row in rows}) > 1}
