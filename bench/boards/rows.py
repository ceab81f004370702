"""Rows: all seeds of one training, timed on one machine, as one line of a board."""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from bench.boards.curves import CurveExtract
from bench.boards.differences import Difference
from bench.boards.extract import Asked, Extract
from bench.boards.keeper import Keeper
from bench.boards.numbers import Number, crossings, payload, reading
from bench.records.mean import Mean
from bench.records.setup import DENSE, Setup, plan_of
from bench.records.store import Entry

J = TypeVar("J")
RANKED_FROM = 3
"""Fewer seeds than this are shown and not ranked."""

ROUNDING = 1e-8
"""Means that differ by less are equal: they were added up in another order, or written with nine digits."""


LONGER = 1.05
"""A method that trains more times as long as its recipe than this counts as one that trains longer."""


@dataclass(frozen=True, eq=False)
class Row:
    """The records of one training, and those of its dense parent.

    Of both there is one uncontested record for each seed, the newest, and every contested one. A training whose seeds were timed on
    several machines has a row for each: there, times are of that machine alone.

    Attributes:
        entries: the training's records.
        parent: the dense parent's records, which count as a row of their own; None where there is none.
        timed_on: the machine; None for the one on which most seeds were timed.
        longer_entries: the records of the same dense network trained as long as this method trained, where it trained
            longer than its recipe and there is such a network.
        superseded: uncontested records of this training, timed on this machine, that count on no row: a newer one of the same
            seed does.
        keeper: keeps what is computed of it; None keeps it as long as the row.
    """

    entries: tuple[Entry[Extract], ...]
    parent: Row | None = None
    timed_on: str | None = None
    longer_entries: tuple[Entry[Extract], ...] = ()
    superseded: tuple[Extract, ...] = ()
    keeper: Keeper | None = None

    @cached_property
    def records(self) -> list[Extract]:
        """The records that count: those that nobody contests, or, where all are contested, the sound ones."""
        good = [e.file for e in self.entries if e.contested is None]
        return good or [e.file for e in self.entries if e.sound]

    @cached_property
    def alike(self) -> list[Extract]:
        """Those of them that were measured with the codecs, meters and policies with which most were."""
        digests = [record.asked.digest for record in self.records]
        usual = max(digests, key=lambda digest: (digests.count(digest), digest), default=None)
        return [record for record, digest in zip(self.records, digests, strict=True) if digest == usual]

    @cached_property
    def parents(self) -> list[Extract]:
        """The dense parent's records that nobody contests."""
        return [] if self.parent is None else [e.file for e in self.parent.entries if e.contested is None]

    @cached_property
    def key(self) -> str:
        """A digest of all that its numbers are computed from."""
        parent = () if self.parent is None else self.parent.entries
        parts = [
            [(entry.file.content, entry.contested, entry.sound) for entry in entries]
            for entries in (self.entries, parent, self.longer_entries)
        ]
        return hashlib.sha256(json.dumps([*parts, self.timed_on]).encode()).hexdigest()

    @cached_property
    def _kept(self) -> dict[str, Any]:
        return {} if self.keeper is None else self.keeper.of(self.key)

    def once(self, name: str, compute: Callable[[], J]) -> J:
        """JSON values that follow from its records alone, computed where they are not kept under this name."""
        if name not in self._kept:
            self._kept[name] = compute()
        return self._kept[name]

    @cached_property
    def curves(self) -> dict[str, list[tuple[Extract, CurveExtract]]]:
        """By policy, its curve in every record that has it, beside the record."""
        found: dict[str, list[tuple[Extract, CurveExtract]]] = defaultdict(list)
        for record in self.records:
            for curve in record.curves:
                found[curve.policy].append((record, curve))
        return dict(found)

    @cached_property
    def asked(self) -> Asked:
        """The setup of the first one, with its digests; the others may differ from it in policies, codecs and meters."""
        return self.records[0].asked if self.records else self.entries[0].file.asked

    @cached_property
    def setup(self) -> Setup:
        """The setup of the first one."""
        return self.asked.setup

    @cached_property
    def plan(self) -> str:
        """The exits plan, the epochs, and what else sets a row apart: a part of the data, a cut."""
        return plan_of(self.setup)

    @property
    def board(self) -> str:
        """The name of the board that it stands on."""
        return self.asked.board

    @cached_property
    def longer(self) -> list[Extract]:
        """The uncontested records of the dense network that trained as long."""
        return [e.file for e in self.longer_entries if e.contested is None]

    def against(self, others: Sequence[Extract], exit_: int = -1) -> Difference | None:
        """Its accuracy minus that of other records, by pairs of seeds, at one exit; None where no seed is shared."""
        return Difference.paired(_by_seed(self.records, exit_), _by_seed(others, exit_))

    @cached_property
    def accuracies(self) -> dict[int, float]:
        """By seed, the accuracy of its last exit."""
        return _by_seed(self.records, -1)

    @cached_property
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
        return sorted({name for record in self.records for name in record.costly})

    @cached_property
    def machine(self) -> str | None:
        """The machine on which most of its seeds were timed, of several such the one last used.

        Times are of these seeds alone. None without a record.
        """
        if self.timed_on is not None:
            return self.timed_on
        dates: dict[str, list[str]] = defaultdict(list)
        for record in self.records:
            dates[record.machine].append(record.created)
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

    @cached_property
    def _codecs(self) -> set[str]:
        """The codecs that were tried in the records that its payload is computed from."""
        return {codec.spec for record in self.alike for codec in record.setup.codecs}

    @cached_property
    def _means(self) -> dict[tuple[Number, str | None], Mean | None]:
        """The means that were asked for: pages ask for one several times, and every smaller network for its parent's."""
        return {}

    def _mean(self, number: Number, machine: str | None) -> Mean | None:
        if (number, machine) not in self._means:
            self._means[number, machine] = self._mean_of(number, machine)
        return self._means[number, machine]

    def _mean_of(self, number: Number, machine: str | None) -> Mean | None:
        records = self.alike if number is payload else self.records
        if machine is not None:
            records = [record for record in records if record.machine == machine]
        return Mean.of([value for record in records if (value := number(record)) is not None])

    def ratio(self, number: Number, *, timed: bool = False, in_turn: Number | None = None) -> float | None:
        """How many times less than the dense parent: the ratio of the means.

        Of times that were taken in turn with the parent's, the mean of the ratios. None for the dense parent itself,
        where either lacks the number, for times where no parent was timed on the row's machine, and for the payload
        where they did not try the same codecs.
        """
        if in_turn is not None and (timed_ratio := self.mean(in_turn, timed=True)) is not None:
            return timed_ratio.value
        parent = self.parent
        if (
            parent is None
            or not self.parents
            or (self.setup.method.name == DENSE and self.setup.values is None)
        ):
            return None
        if number is payload and self._codecs != parent._codecs:
            return None
        machine = self.machine if timed else None
        own, dense = self._mean(number, machine), parent._mean(number, machine)
        return dense.value / own.value if own and dense and own.value else None


class CutMeans(NamedTuple):
    """What crosses a cut by one codec: means over records of payload, framed payload, and accuracy behind it."""

    payload: Mean
    framed: Mean
    top1: Mean


def cut_means(records: Iterable[Extract], cut: int) -> dict[str, CutMeans]:
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


def _by_seed(records: Iterable[Extract], exit_: int) -> dict[int, float]:
    top1 = reading(exit_, "top1")
    return {record.seed: value for record in records if (value := top1(record)) is not None}


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


def accuracy(row: Row) -> float:
    """The mean accuracy of a row's last exit; 0 where it has none."""
    mean = row.mean(reading(-1, "top1"))
    return mean.value if mean else 0.0
