"""Rows: all seeds of one setup as one line of a board."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import SeesawError
from bench.record import Named, Record, Setup, load

T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Student's t for a two-sided 95% interval with 1 to 10 degrees of freedom."""

RANKED_FROM = 3
"""Fewer seeds than this are shown and not ranked."""


@dataclass(frozen=True)
class Mean:
    """A mean over seeds and the half-width of its 95% interval (None for one seed)."""

    value: float
    half: float | None
    n: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Mean | None:
        """The mean of some values, or None of none."""
        found = list(values)
        if not found:
            return None
        if len(found) == 1:
            return cls(found[0], None, 1)
        t = T95[min(len(found) - 2, len(T95) - 1)]
        return cls(statistics.fmean(found), t * statistics.stdev(found) / len(found) ** 0.5, len(found))


@dataclass(frozen=True)
class Row:
    """One setup's records, a seed each, and those of its dense parent."""

    records: tuple[Record, ...]
    parents: tuple[Record, ...]

    @property
    def setup(self) -> Setup:
        """What all of them were asked to be."""
        return self.records[0].setup

    @property
    def ranked(self) -> bool:
        """Whether there are seeds enough to rank."""
        return len(self.records) >= RANKED_FROM

    def mean(self, number: Callable[[Record], float | None]) -> Mean | None:
        """A number's mean over the seeds that have it."""
        return Mean.of(value for record in self.records if (value := number(record)) is not None)

    def ratio(self, number: Callable[[Record], float | None]) -> float | None:
        """How many times less than the dense parent: the ratio of the means; None where either lacks it."""
        own, dense = self.mean(number), Mean.of(v for r in self.parents if (v := number(r)) is not None)
        return dense.value / own.value if own and dense and own.value else None


def parent_digest(setup: Setup) -> str:
    """The digest of the dense parent: the same setup with the method `dense`."""
    dense = Named(name="dense", origin="", settings={}, spec="dense")
    return setup.model_copy(update={"method": dense}).digest()


def read(folder: Path) -> tuple[list[Record], list[str]]:
    """All records below a folder, in order of path, and a sentence for each file that is none."""
    found, trouble = [], []
    for path in sorted(folder.glob("*/*/seed*.json")):
        try:
            record = load(path)
            if record.path(folder) != path:
                raise SeesawError(
                    f"{path} does not lie where its settings belong ({record.path(folder)}). Move it."
                )
            found.append(record)
        except SeesawError as error:
            trouble.append(str(error))
    return found, trouble


def rows(records: Iterable[Record]) -> dict[str, list[Row]]:
    """Rows by task and version, each list from the most accurate setup down."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[f"{record.setup.task.name}-v{record.setup.task_version}", record.digest].append(record)
    boards: dict[str, list[Row]] = defaultdict(list)
    for (board, _), found in groups.items():
        parents = groups.get((board, parent_digest(found[0].setup)), [])
        boards[board].append(Row(tuple(found), tuple(parents)))
    for board in boards.values():
        board.sort(key=lambda row: -row.records[0].exits[-1].readings["top1"].value)
    return dict(sorted(boards.items()))
