"""Rows: all seeds of one setup as one line of a board."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.boards.numbers import Number, crossings, payload, reading
from bench.records.mean import Mean
from bench.records.record import Record
from bench.records.setup import DENSE, Setup, board_of, parent_of, plan_of
from bench.records.store import Entry

RANKED_FROM = 3
"""Fewer seeds than this are shown and not ranked."""

ROUNDING = 1e-8
"""Means that differ by less are the same: they were added up in another order, or written with nine digits."""


@dataclass(frozen=True)
class Row:
    """One setup's records, a seed each, and those of its dense parent. Contested records count for nothing."""

    entries: tuple[Entry[Record], ...]
    parent_entries: tuple[Entry[Record], ...] = ()

    @cached_property
    def records(self) -> list[Record]:
        """What the numbers are computed from: records that nobody contests, or, where all are contested, sound ones."""
        good = [e.file for e in self.entries if e.contested is None]
        return good or [e.file for e in self.entries if e.sound]

    @cached_property
    def alike(self) -> list[Record]:
        """Those of them that were measured alike: with the codecs, meters and policies that most were."""
        found = [record.setup.digest() for record in self.records]
        usual = max(found, key=lambda digest: (found.count(digest), digest), default=None)
        return [record for record, digest in zip(self.records, found, strict=True) if digest == usual]

    @cached_property
    def parents(self) -> list[Record]:
        """The dense parent's, in the same way."""
        return [e.file for e in self.parent_entries if e.contested is None]

    @property
    def setup(self) -> Setup:
        """What all of them were asked to be."""
        return self.records[0].setup if self.records else self.entries[0].file.setup

    @property
    def plan(self) -> str:
        """The exits plan, for how long it is trained, and what else sets a row apart: a part of the data, a cut."""
        return plan_of(self.setup)

    @property
    def board(self) -> str:
        """The board that it stands on."""
        return board_of(self.setup)

    @property
    def seeds(self) -> int:
        """How many uncontested ones there are."""
        return sum(e.contested is None for e in self.entries)

    @property
    def ranked(self) -> bool:
        """Whether there are seeds enough to rank."""
        return self.seeds >= RANKED_FROM

    @property
    def reasons(self) -> list[str]:
        """Why some of its records are contested."""
        return [f"seed {e.file.seed}: {e.contested}" for e in self.entries if e.contested is not None]

    @cached_property
    def machine(self) -> str | None:
        """What most of its seeds were timed on, of several such the one last used; None without a record.

        Times are of these seeds alone.
        """
        found: dict[str, list[str]] = defaultdict(list)
        for record in self.records:
            found[_machine(record)].append(record.created)
        return max(found, key=lambda machine: (len(found[machine]), max(found[machine])), default=None)

    def mean(self, number: Number, *, timed: bool = False) -> Mean | None:
        """A number's mean over the seeds that have it; of the payload, over those that tried the same codecs; of a time,
        over those that were timed on the row's machine.
        """
        return self._mean(number, self.machine if timed else None)

    def _mean(self, number: Number, machine: str | None) -> Mean | None:
        records = self.alike if number is payload else self.records
        if machine is not None:
            records = [record for record in records if _machine(record) == machine]
        return Mean.of(value for record in records if (value := number(record)) is not None)

    def ratio(self, number: Number, *, timed: bool = False, in_turn: Number | None = None) -> float | None:
        """How many times less than the dense parent: the ratio of the means; of times that were taken in turn with the
        parent's, the mean of those ratios.

        None where either lacks it, for times where no parent was timed on the row's machine, and for the payload where
        they did not try the same codecs.
        """
        if in_turn is not None and (found := self.mean(in_turn, timed=True)) is not None:
            return found.value
        if (self.setup.method.name == DENSE and self.setup.values is None) or not self.parents:
            return None
        parents = Row(self.parent_entries)
        if number is payload and _codecs(self) != _codecs(parents):
            return None
        machine = self.machine if timed else None
        own, dense = self._mean(number, machine), parents._mean(number, machine)
        return dense.value / own.value if own and dense and own.value else None


def _codecs(row: Row) -> set[str]:
    """That the records behind a row's payload tried."""
    return {codec.spec for record in row.alike for codec in record.setup.codecs}


def _machine(record: Record) -> str:
    told = record.machine
    name = told.get("accelerator") or told.get("processor") or "unknown processor"
    threads = told.get("threads")
    return f"{name}, {threads} thread{'' if threads == 1 else 's'}"


def cut_means(row: Row, cut: int) -> list[tuple[Mean, Mean, str]]:
    """Mean payload, mean accuracy behind it, and codec, of the records that were measured alike."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in row.alike:
        if cut < len(record.cuts):
            for codec, (raw, _, top1) in crossings(record.cuts[cut]).items():
                found[codec].append((raw, top1))
    means = [
        (*(Mean.of(values) for values in zip(*pairs, strict=True)), codec) for codec, pairs in found.items()
    ]
    return [(raw, top1, codec) for raw, top1, codec in means if raw is not None and top1 is not None]


def rows(entries: Iterable[Entry[Record]]) -> dict[str, list[Row]]:
    """Rows by task and version: the ranked ones from the most accurate down, then the others."""
    groups: dict[tuple[str, str, str | None], list[Entry[Record]]] = defaultdict(list)
    for entry in entries:
        setup = entry.file.setup
        groups[board_of(setup), setup.trained(), setup.values].append(entry)
    groups = {key: _one_a_seed(found) for key, found in groups.items()}
    boards: dict[str, list[Row]] = defaultdict(list)
    for (board, *_), found in groups.items():
        parents = groups.get((board, parent_of(found[0].file.setup), None), [])
        boards[board].append(Row(tuple(found), tuple(parents)))
    for board in boards.values():
        board.sort(key=lambda row: (not row.ranked, -_accuracy(row), row.setup.model, row.setup.digest()))
    return dict(sorted(boards.items()))


def title_of(name: str, board: Sequence[Row]) -> str:
    """A board's name, with the spec of its data where they are not the usual ones."""
    spec = board[0].setup.task.spec
    return name if spec == board[0].setup.task.name else f"{name}: {spec}"


def ranks(board: Sequence[Row]) -> list[int | None]:
    """The rank of every row of a sorted board, by accuracy; those of too few seeds have none."""
    return shared([_accuracy(row) if row.ranked else None for row in board])


def shared(values: Iterable[float | None]) -> list[int | None]:
    """Ranks of sorted numbers, from 1: numbers that only rounding parts share one, and who has no number has no rank."""
    found: list[int | None] = []
    rank, place, before = 0, 0, math.inf
    for value in values:
        if value is not None:
            place += 1
            rank = rank if math.isclose(value, before, rel_tol=ROUNDING, abs_tol=ROUNDING) else place
            before = value
        found.append(None if value is None else rank)
    return found


def _one_a_seed(entries: list[Entry[Record]]) -> list[Entry[Record]]:
    """In order of seeds; of two good records of one seed, measured differently, the newer one. Contested ones stay."""
    best: dict[int, Entry[Record]] = {}
    for entry in sorted(entries, key=lambda e: (e.file.created, e.file.digest)):
        if entry.contested is None:
            best[entry.file.seed] = entry
    contested = [entry for entry in entries if entry.contested is not None]
    return sorted([*best.values(), *contested], key=lambda entry: entry.file.seed)


def _accuracy(row: Row) -> float:
    mean = row.mean(reading(-1, "top1"))
    return mean.value if mean else 0.0
