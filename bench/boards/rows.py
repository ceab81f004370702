"""Rows: all seeds of one training as one line of a board."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from bench.boards.numbers import Number, crossings, payload, reading
from bench.records.mean import Mean
from bench.records.notes import COSTLY
from bench.records.record import Record
from bench.records.setup import DENSE, Setup, board_of, parent_of, plan_of
from bench.records.store import Entry

RANKED_FROM = 3
"""Fewer seeds than this are shown and not ranked."""

ROUNDING = 1e-8
"""Means that differ by less are equal: they were added up in another order, or written with nine digits."""


@dataclass(frozen=True)
class Row:
    """The records of one training, and those of its dense parent.

    Of both there is one uncontested record for each seed, and every contested one.
    """

    entries: tuple[Entry[Record], ...]
    parent_entries: tuple[Entry[Record], ...] = ()

    @cached_property
    def records(self) -> list[Record]:
        """The records that count: those that nobody contests, or, where all are contested, the sound ones."""
        good = [e.file for e in self.entries if e.contested is None]
        return good or [e.file for e in self.entries if e.sound]

    @cached_property
    def alike(self) -> list[Record]:
        """Those of them that were measured with the codecs, meters and policies with which most were."""
        digests = [record.setup.digest() for record in self.records]
        usual = max(digests, key=lambda digest: (digests.count(digest), digest), default=None)
        return [record for record, digest in zip(self.records, digests, strict=True) if digest == usual]

    @cached_property
    def parents(self) -> list[Record]:
        """The dense parent's records that nobody contests."""
        return [e.file for e in self.parent_entries if e.contested is None]

    @property
    def setup(self) -> Setup:
        """The setup of the first one; the others may differ from it in policies, codecs and meters."""
        return self.records[0].setup if self.records else self.entries[0].file.setup

    @property
    def plan(self) -> str:
        """The exits plan, the epochs, and what else sets a row apart: a part of the data, a cut."""
        return plan_of(self.setup)

    @property
    def board(self) -> str:
        """The name of the board that it stands on."""
        return board_of(self.setup)

    @property
    def seeds(self) -> int:
        """The number of uncontested records."""
        return sum(e.contested is None for e in self.entries)

    @property
    def ranked(self) -> bool:
        """Whether there are seeds enough to rank."""
        return self.seeds >= RANKED_FROM

    @property
    def reasons(self) -> list[str]:
        """Why some of its records are contested."""
        return [f"seed {e.file.seed}: {e.contested}" for e in self.entries if e.contested is not None]

    @property
    def costly(self) -> list[str]:
        """The operators that its MACs leave out and that may cost as much as what they count."""
        notes = (record.notes.get(COSTLY) for record in self.records)
        return sorted({str(name) for note in notes if isinstance(note, dict) for name in note})

    @cached_property
    def machine(self) -> str | None:
        """The machine on which most of its seeds were timed, of several such the one last used.

        Times are of these seeds alone. None without a record.
        """
        dates: dict[str, list[str]] = defaultdict(list)
        for record in self.records:
            dates[_machine(record)].append(record.created)
        return max(dates, key=lambda machine: (len(dates[machine]), max(dates[machine])), default=None)

    def is_disturbed(self, exit_: int, name: str) -> bool:
        """Whether other programs disturbed a record's time at one exit, counted from the first; -1 is the last."""
        return any(
            name in exit_readings and not exit_readings[name].is_reliable
            for record in self.records
            for exit_readings in [one.readings for one in record.exits[exit_:][:1]]
        )

    def mean(self, number: Number, *, timed: bool = False) -> Mean | None:
        """A number's mean over the seeds that have it.

        Of the payload, over those that were measured alike; of a time, over those timed on the row's machine.
        """
        return self._mean(number, self.machine if timed else None)

    def _mean(self, number: Number, machine: str | None) -> Mean | None:
        records = self.alike if number is payload else self.records
        if machine is not None:
            records = [record for record in records if _machine(record) == machine]
        return Mean.of(value for record in records if (value := number(record)) is not None)

    def ratio(self, number: Number, *, timed: bool = False, in_turn: Number | None = None) -> float | None:
        """How many times less than the dense parent: the ratio of the means.

        Of times that were taken in turn with the parent's, the mean of the ratios. None for the dense parent itself,
        where either lacks the number, for times where no parent was timed on the row's machine, and for the payload
        where they did not try the same codecs.
        """
        if in_turn is not None and (timed_ratio := self.mean(in_turn, timed=True)) is not None:
            return timed_ratio.value
        if (self.setup.method.name == DENSE and self.setup.values is None) or not self.parents:
            return None
        parents = Row(self.parent_entries)
        if number is payload and _codecs(self) != _codecs(parents):
            return None
        machine = self.machine if timed else None
        own, dense = self._mean(number, machine), parents._mean(number, machine)
        return dense.value / own.value if own and dense and own.value else None


def _codecs(row: Row) -> set[str]:
    """The codecs that were tried in the records that a row's payload is computed from."""
    return {codec.spec for record in row.alike for codec in record.setup.codecs}


def _machine(record: Record) -> str:
    machine = record.machine
    name = machine.get("accelerator") or machine.get("processor") or "unknown processor"
    threads = record.timing_threads
    return f"{name}, {threads} thread{'' if threads == 1 else 's'}"


class CutMeans(NamedTuple):
    """What crosses a cut by one codec: means over records of payload, framed payload, and accuracy behind it."""

    payload: Mean
    framed: Mean
    top1: Mean


def cut_means(records: Iterable[Record], cut: int) -> dict[str, CutMeans]:
    """By codec, of the records that have it at this cut."""
    by_codec: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for record in records:
        if cut < len(record.cuts):
            for codec, numbers in crossings(record.cuts[cut]).items():
                by_codec[codec].append(numbers)
    return {
        codec: CutMeans(*(mean for values in zip(*numbers, strict=True) if (mean := Mean.of(values))))
        for codec, numbers in by_codec.items()
    }


def rows(entries: Iterable[Entry[Record]]) -> dict[str, list[Row]]:
    """Rows by board: the ranked ones from the most accurate down, then the others."""
    groups: dict[tuple[str, str, str | None], list[Entry[Record]]] = defaultdict(list)
    for entry in entries:
        setup = entry.file.setup
        groups[board_of(setup), setup.training_digest(), setup.values].append(entry)
    groups = {key: _one_a_seed(group) for key, group in groups.items()}
    boards: dict[str, list[Row]] = defaultdict(list)
    for (board, *_), group in groups.items():
        parents = groups.get((board, parent_of(group[0].file.setup), None), [])
        boards[board].append(Row(tuple(group), tuple(parents)))
    for board in boards.values():
        board.sort(key=lambda row: (not row.ranked, -_accuracy(row), row.setup.model, row.setup.digest()))
    return dict(sorted(boards.items()))


def ranks(board: Sequence[Row]) -> list[int | None]:
    """The rank of every row of a sorted board, by accuracy; those of too few seeds have none."""
    return shared([_accuracy(row) if row.ranked else None for row in board])


def shared(values: Iterable[float | None]) -> list[int | None]:
    """Ranks of sorted numbers, from 1: those that differ by rounding alone share one; None has no rank."""
    places: list[int | None] = []
    rank, place, before = 0, 0, math.inf
    for value in values:
        if value is not None:
            place += 1
            rank = rank if math.isclose(value, before, rel_tol=ROUNDING, abs_tol=ROUNDING) else place
            before = value
        places.append(None if value is None else rank)
    return places


def _one_a_seed(entries: list[Entry[Record]]) -> list[Entry[Record]]:
    """Entries in order of seeds; of several uncontested ones of one seed the newest. Contested ones stay."""
    best: dict[int, Entry[Record]] = {}
    for entry in sorted(entries, key=lambda e: (e.file.created, e.file.digest)):
        if entry.contested is None:
            best[entry.file.seed] = entry
    contested = [entry for entry in entries if entry.contested is not None]
    return sorted([*best.values(), *contested], key=lambda entry: entry.file.seed)


def _accuracy(row: Row) -> float:
    mean = row.mean(reading(-1, "top1"))
    return mean.value if mean else 0.0
