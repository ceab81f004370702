"""Board: a task's rows with everything that any form of them shows, computed once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from bench.boards.axes import Axis, Value, axes
from bench.boards.cells import Table
from bench.boards.families import side_by_side
from bench.boards.margin import within
from bench.boards.numbers import work_seconds
from bench.boards.policies import CurveRow, curve_rows
from bench.boards.references import ReferenceRow, references
from bench.boards.rows import Row, ranks, rows
from bench.records.record import Record
from bench.records.store import Entry, Store


@dataclass(frozen=True, eq=False)
class Line:
    """One row of a board.

    Attributes:
        row: the records of its seeds.
        rank: by accuracy; None below three seeds.
    """

    row: Row
    rank: int | None

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """The axes that can be shown of it, by key."""
        return axes([self.row])

    @cached_property
    def last(self) -> dict[str, Value]:
        """The values of the axes at the last exit, by key."""
        return {key: axis.value(self.row) for key, axis in self.axes.items()}

    @cached_property
    def exits(self) -> list[dict[str, Value]]:
        """The values of the axes of single exits: for each exit, by key."""
        records = self.row.records
        own = {key: axis for key, axis in self.axes.items() if not axis.whole}
        return [
            {key: axis.value(self.row, number) for key, axis in own.items()}
            for number in range(len(records[0].exits) if records else 0)
        ]

    @cached_property
    def policies(self) -> list[CurveRow]:
        """Its policies, each as means over seeds."""
        return curve_rows(self.row)

    @cached_property
    def references(self) -> list[ReferenceRow]:
        """The reference points of a dense row; none for another method's."""
        return references(self.row)


@dataclass(frozen=True, eq=False)
class Board:
    """A task's rows, the ranked ones first.

    Attributes:
        name: of the task with its version.
        lines: one for each row.
    """

    name: str
    lines: tuple[Line, ...]

    @classmethod
    def of(cls, name: str, rows: list[Row]) -> Board:
        """The board of some sorted rows."""
        return cls(name, tuple(Line(row, rank) for row, rank in zip(rows, ranks(rows), strict=True)))

    @property
    def rows(self) -> list[Row]:
        """Its rows."""
        return [line.row for line in self.lines]

    @property
    def title(self) -> str:
        """Its name, with the spec of its data where that is not the usual one."""
        task = self.lines[0].row.setup.task
        return self.name if task.spec == task.name else f"{self.name}: {task.label}"

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """The axes that can be shown of its rows, by key."""
        return axes(self.rows)

    @cached_property
    def tables(self) -> list[Table]:
        """Its tables of words: methods by density, and how far each goes within the margin."""
        tables = (side_by_side(self.rows), within(self.rows))
        return [table for table in tables if table is not None and table.rows]

    @cached_property
    def seconds(self) -> float:
        """Wall time of all runs that count."""
        return sum(work_seconds(record) for row in self.rows for record in row.records)

    @property
    def machines(self) -> list[str]:
        """The machines on which its rows were timed."""
        return sorted({row.machine for row in self.rows if row.machine})


def boards(entries: Iterable[Entry[Record]]) -> dict[str, Board]:
    """The boards of some records, by name."""
    return {name: Board.of(name, own) for name, own in rows(entries).items()}


def read_boards(store: Store) -> tuple[dict[str, Board], list[str]]:
    """The boards of a store's records, by name, and a sentence for each file that is no record."""
    entries, trouble = store.entries(Record)
    return boards(entries), trouble
