"""Headline: which networks store and compute many times less, and lose at most half a point: whole, at every exit, on the device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from bench.boards.cells import Table, times
from bench.boards.differences import MARGIN, ROUNDING, Difference, Verdict, worst
from bench.boards.families import kind_of, network_of
from bench.boards.numbers import Number, cut_packed, cut_reading, packed, reading
from bench.boards.rows import Row
from bench.records.setup import DENSE

TIMES = 4
"""Savings of storage and of MACs count where both are more times than this."""
PARTS = {"whole": "whole", "exits": "at every exit", "device": "on the device, at every cut"}
"""The parts of a network that a saving is asked of, in words."""

Ratios = tuple[float | None, float | None]
"""How many times less is stored, and computed, than by the dense parent."""


@dataclass(frozen=True, eq=False)
class Case:
    """One network at one density against its dense parent.

    Attributes:
        row: its records, and the parent's.
    """

    row: Row

    @cached_property
    def losses(self) -> list[Difference | None]:
        """By exit, its accuracy minus the parent's, by pairs of seeds."""
        kept = self.row.once("losses", self._losses)
        return [None if one is None else Difference(*one) for one in kept]

    def _losses(self) -> list[tuple[float, float | None, float | None, int] | None]:
        found = [self.row.against(self.row.parents, n) for n in range(len(self.row.records[0].exits))]
        return [None if one is None else (one.mean, one.half, one.tested, one.pairs) for one in found]

    @property
    def loss(self) -> Difference | None:
        """The same at the last exit."""
        return self.losses[-1] if self.losses else None

    @property
    def worst_exit(self) -> Difference | None:
        """The same at the exit that loses most by the mean."""
        return min((one for one in self.losses if one is not None), key=lambda one: one.mean, default=None)

    def verdict(self, part: str = "exits") -> Verdict:
        """Whether it loses at most the margin: at every exit, or, for another part, at the last."""
        asked = self.losses if part == "exits" else self.losses[-1:]
        return worst(["cannot tell" if one is None else one.verdict for one in asked])

    def is_within_by_mean(self, part: str = "exits") -> bool:
        """Whether the mean loss is at most the margin, whatever its interval."""
        asked = self.losses if part == "exits" else self.losses[-1:]
        return all(one is not None and one.mean >= -MARGIN - ROUNDING for one in asked)

    def saving(self, part: str) -> Ratios:
        """The least saving of storage, and of MACs, in a part of `PARTS`."""
        packed, macs = self.row.once(f"saving {part}", lambda: self._saving(part))
        return packed, macs

    def _saving(self, part: str) -> Ratios:
        exits, cuts = self.row.records[0].exits, self.row.records[0].cuts
        if part == "whole":
            return self.row.ratio(packed(-1)), self.row.ratio(reading(-1, "macs.effective"))
        if part == "exits":
            places = range(len(exits))
            return self._least(map(packed, places)), self._least(reading(n, "macs.effective") for n in places)
        inner = range(1, len(cuts) - 1)
        device = (cut_reading(k, "macs.effective.device") for k in inner)
        return self._least(map(cut_packed, inner)), self._least(device)

    def saves(self, part: str) -> bool:
        """Whether it stores and computes more than `TIMES` times less there."""
        return all(ratio is not None and ratio > TIMES for ratio in self.saving(part))

    def _least(self, numbers: Iterable[Number]) -> float | None:
        ratios = [self.row.ratio(number) for number in numbers]
        return min((one for one in ratios if one is not None), default=None) if None not in ratios else None


def cases(rows: Iterable[Row]) -> list[Case]:
    """One for every row of another method than `dense` that has a dense parent, in the order of rows."""
    return [Case(row) for row in rows if row.setup.method.name != DENSE and row.parents and row.records]


@dataclass(frozen=True)
class Count:
    """How many networks save so much in one part, by the answer on their loss.

    Attributes:
        all: networks that were compared.
        saving: those that save more than `TIMES` times.
        by_mean: those of them whose mean loss is at most the margin.
        within: those whose loss is shown to be at most the margin.
        untold: those of which the seeds cannot tell.
    """

    all: int
    saving: int
    by_mean: int
    within: int
    untold: int


def count(some: Iterable[Case], part: str) -> Count:
    """The count of some networks for a part of `PARTS`."""
    some = list(some)
    saving = [case for case in some if case.saves(part)]
    verdicts = [case.verdict(part) for case in saving]
    by_mean = sum(case.is_within_by_mean(part) for case in saving)
    return Count(len(some), len(saving), by_mean, verdicts.count("within"), verdicts.count("cannot tell"))


TITLE = f"More than {TIMES} x less storage and MACs for at most {MARGIN * 100:g} points"
NOTE = (
    "Networks that store and compute so much less than their dense parent in a part, and whose mean loss there is at most the "
    "margin: whole; at every exit, where the exit that saves least and the exit that loses most count; or on the device, where the "
    "cut whose device's part saves least counts, with the loss of the last exit. Points: against the dense network, by pairs of "
    "seeds with the 95% interval. The answer is that of two one-sided tests at 5%."
)
HEADS = ("network", "method", "part", "seeds", "packed", "MACs", "points", "loses no more")
ANSWERS: dict[Verdict, str] = {"within": "surely", "worse": "surely not", "cannot tell": "cannot tell"}


def headline(rows: Iterable[Row]) -> Table | None:
    """The table of networks that save so much and lose so little, by their means, with what the seeds can tell of it.

    It may have no row, and then counts alone; None where no network of three seeds has a dense parent.
    """
    own = [case for case in cases(rows) if case.row.ranked]
    if not own:
        return None
    patterns = [case for case in own if kind_of(case.row) == "predefined"]
    counts = [
        f"{words}: {_counted(own, part)}; of predefined patterns {_counted(patterns, part)}."
        for part, words in PARTS.items()
    ]
    lines = [
        _line(case, part)
        for part in PARTS
        for case in sorted(own, key=lambda case: (network_of(case.row), -(case.saving("whole")[0] or 0.0)))
        if case.saves(part) and case.is_within_by_mean(part)
    ]
    return Table(TITLE, " ".join([NOTE, *counts]), HEADS, lines, names=3)


def _counted(some: list[Case], part: str) -> str:
    """How many networks there are, and how many save so much, by the answer."""
    numbers = count(some, part)
    return (
        f"of {numbers.all} networks {numbers.saving} save as much, {numbers.by_mean} of these within the margin by the mean, "
        f"{numbers.within} surely, {numbers.untold} by seeds that cannot tell"
    )


def _line(case: Case, part: str) -> list[str]:
    loss = case.worst_exit if part == "exits" else case.loss
    half = "" if loss is None or loss.half is None else f" ± {loss.half * 100:.2f}"
    return [
        network_of(case.row), case.row.setup.method_at_density, PARTS[part], str(case.row.seeds), *map(times, case.saving(part)),
        "" if loss is None else f"{loss.mean * 100:+.2f}{half}", ANSWERS[case.verdict(part)],
    ]  # fmt: skip
