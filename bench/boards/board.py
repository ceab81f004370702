"""Board: a task's rows with everything that any form of them shows, computed once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from bench.boards.axes import Axis, Value, axes
from bench.boards.cells import Table
from bench.boards.extract import Extract
from bench.boards.extracts import extracts
from bench.boards.families import side_by_side
from bench.boards.findings import findings
from bench.boards.grouped import rows
from bench.boards.headline import Case, cases, headline
from bench.boards.keeper import Keeper
from bench.boards.margin import within
from bench.boards.numbers import work_seconds
from bench.boards.peers import Peers, peers
from bench.boards.policies import CurveRow, curve_rows
from bench.boards.rates import Rates
from bench.boards.references import ReferenceRow, references
from bench.boards.rows import Row
from bench.records.store import Entry, Store


@dataclass(frozen=True, eq=False)
class Line:
    """One row of a board.

    Attributes:
        row: the records of its seeds.
        group: the number of the group of rows that it cannot be told from, by accuracy; None below three seeds.
    """

    row: Row
    group: int | None

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
    def rates(self) -> Rates:
        """The rate curves at its cuts, of the seeds that were measured alike."""
        return Rates(self.row.alike)

    @cached_property
    def references(self) -> list[ReferenceRow]:
        """The reference points of a dense row; none for another method's."""
        return references(self.row)


@dataclass(frozen=True, eq=False)
class Field:
    """The lines of a board that are ranked together: of one recipe and one machine.

    Attributes:
        peers: their rows.
        lines: one for each row.
    """

    peers: Peers
    lines: tuple[Line, ...]

    @classmethod
    def of(cls, peers: Peers) -> Field:
        """The lines of some peers."""
        return cls(
            peers, tuple(Line(row, group) for row, group in zip(peers.rows, peers.groups, strict=True))
        )

    @cached_property
    def cases(self) -> list[Case]:
        """What each of its networks saves and loses against its dense parent."""
        return cases(self.peers.rows)

    @cached_property
    def findings(self) -> list[str]:
        """What was found, in at most three sentences."""
        return findings(self.peers.rows, self.cases)


@dataclass(frozen=True, eq=False)
class Board:
    """A task's rows, those that are ranked together side by side.

    Attributes:
        name: of the task with its version.
        fields: the usual one first, which has most ranked rows.
    """

    name: str
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, name: str, rows: list[Row]) -> Board:
        """The board of some rows."""
        return cls(name, tuple(Field.of(one) for one in peers(rows)))

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of all fields, those of the usual one first."""
        return tuple(line for field in self.fields for line in field.lines)

    @property
    def rows(self) -> list[Row]:
        """The rows of all fields, in the order of lines."""
        return [line.row for line in self.lines]

    def newest(self, digests: Collection[str]) -> Field:
        """The field that holds the last record of some setups."""
        return max(
            self.fields,
            key=lambda field: max(
                (one.created for line in field.lines for one in line.row.records
                 if one.digest in digests and one.machine == field.peers.machine),
                default="",
            ),
        )  # fmt: skip

    @cached_property
    def trainings(self) -> list[Row]:
        """One row for each training, on the machine of the first field that has it."""
        first: dict[tuple[str, str | None], Row] = {}
        for row in self.rows:
            first.setdefault((row.asked.training, row.setup.values), row)
        return list(first.values())

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
        """Its tables of words: what is saved without loss, methods by density, how far each goes within the margin."""
        margins = within(self.trainings)
        tables = (headline(self.trainings), side_by_side(self.trainings), margins if margins.rows else None)
        return [table for table in tables if table is not None]

    @property
    def contested(self) -> list[tuple[str, str]]:
        """Network and seed of each record that counts nowhere, and the reason."""
        return [
            (f"{row.setup.model_at_density}, seed {one.file.seed}", one.contested)
            for row in self.trainings
            for one in row.entries
            if one.contested is not None
        ]

    @cached_property
    def records(self) -> dict[str, Extract]:
        """The records that count, each once, by digest and seed."""
        return {f"{one.digest}/{one.seed}": one for row in self.rows for one in row.records}

    @cached_property
    def seconds(self) -> float:
        """Wall time of all runs that count."""
        return sum(map(work_seconds, self.records.values()))

    @property
    def machines(self) -> list[str]:
        """The machines on which its rows were timed."""
        return sorted({row.machine for row in self.rows if row.machine})


def boards(entries: Iterable[Entry[Extract]], keeper: Keeper | None = None) -> dict[str, Board]:
    """The boards of some records, by name."""
    return {name: Board.of(name, own) for name, own in rows(entries, keeper).items()}


def read_boards(
    store: Store, prepare: Callable[[Board], None] | None = None
) -> tuple[dict[str, Board], list[str]]:
    """The boards of a store's records, by name, and a sentence for each file that is no record.

    Args:
        store: of the records.
        prepare: computes what the rows of a board keep. It is called as soon as a task's records are read, while other
            processes read those of further tasks; a record in another task's folder may still change some of these rows.
    """
    keeper = Keeper(store)

    def prepare_task(entries: list[Entry[Extract]]) -> None:
        for board in boards(entries, keeper).values():
            if prepare is not None:
                prepare(board)

    entries, trouble = extracts(store, prepare_task if prepare is not None else None)
    return boards(entries, keeper), trouble


def keep(boards: Mapping[str, Board]) -> None:
    """Keep what was computed of the rows of boards that `read_boards` gave, for the next time."""
    for keeper in {row.keeper for board in boards.values() for row in board.rows if row.keeper is not None}:
        keeper.save()
