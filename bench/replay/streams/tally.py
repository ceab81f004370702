"""Tallies: what policies come to on a stream, over its reshufflings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import stdtrit

from bench.records.mean import Mean
from bench.records.terms import Terms


@dataclass
class PolicyRow:
    """One policy, or one thing that policies are held against, under its terms.

    Attributes:
        name: a spec without what the terms say, or `ALL_LAYERS`, `EARLY_EXIT`.
        terms: what a reward is.
        bound: whether it sees labels or the whole stream, and so is never ranked.
        settings: all of an online policy's.
        tallies: one for each reshuffling.
    """

    name: str
    terms: Terms
    bound: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    tallies: list[Tally] = field(default_factory=list)

    def label(self, terms: Collection[str] = ()) -> str:
        """Its name with some of its terms, for where they tell rows apart."""
        terms_ = [f"{name}={value:g}" for name, value in self.terms._asdict().items() if name in terms]
        return " ".join([self.name, *terms_]) + (" (bound)" if self.bound else "")

    def mean(self, what: str) -> Mean:
        """Of `accuracy`, `cost`, `sent`, or `regret` at the end."""
        values = [getattr(one, what) for one in self.tallies]
        mean = Mean.of(float(value[-1]) if what == "regret" else value for value in values)
        assert mean is not None
        return mean

    def regret(self) -> np.ndarray:
        """Mean, low and high end at every mark, float64 (3, marks)."""
        each = np.stack([one.regret for one in self.tallies])
        mean, n = each.mean(0), len(each)
        half = stdtrit(n - 1, 0.975) * each.std(0, ddof=1) / np.sqrt(n) if n > 1 else np.zeros_like(mean)
        return np.array([mean, mean - half, mean + half])


@dataclass(frozen=True)
class Tally:
    """What a stream that was played comes to.

    Attributes:
        accuracy: share of samples answered rightly.
        cost: booked, mean of a sample.
        sent: share of samples that were sent on.
        regret: reward that the best fixed arm would have had more, after each of the marks, float64 (marks,).
        plays: share of samples for which each arm was played, (arms,).
    """

    accuracy: float
    cost: float
    sent: float
    regret: np.ndarray
    plays: np.ndarray


def against(rows: Sequence[PolicyRow], row: PolicyRow, name: str) -> tuple[float, float]:
    """What a row costs less or more than (a) or (b), as a share of that, and how much righter it is, in points."""
    other = next(one for one in rows if one.terms == row.terms and one.name == name)
    cost, accuracy = (one.value for one in (other.mean("cost"), other.mean("accuracy")))
    return row.mean("cost").value / cost - 1, 100 * (row.mean("accuracy").value - accuracy)


def varied(rows: Sequence[PolicyRow]) -> set[str]:
    """The terms in which rows differ."""
    return {name for name in Terms._fields if len({getattr(row.terms, name) for row in rows}) > 1}
