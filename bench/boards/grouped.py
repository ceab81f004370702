"""Records grouped into rows: by training, and by the machine on which they were timed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bench.boards.rows import LONGER, Row, machine_of
from bench.records.record import Record
from bench.records.setup import DENSE, Setup, board_of, parent_of
from bench.records.store import Entry

NEAR = 0.25
"""A dense network trained as long as a method has epochs that differ from the method's by at most this share."""


def rows(entries: Iterable[Entry[Record]]) -> dict[str, list[Row]]:
    """Rows by board, in the order of names: one for each training and each machine on which it was timed."""
    groups: dict[tuple[str, str, str | None], list[Entry[Record]]] = defaultdict(list)
    for entry in entries:
        setup = entry.file.setup
        groups[board_of(setup), setup.training_digest(), setup.values].append(entry)
    dense = _by_epochs(groups)
    boards: dict[str, list[Row]] = defaultdict(list)
    for (board, *_), group in groups.items():
        setup = group[0].file.setup
        parents = groups.get((board, parent_of(setup), None), [])
        longer = _longer(group, dense.get((board, _whatever_epochs(setup)), {}))
        for machine in _machines(group):
            own = (tuple(_one_a_seed(some, machine)) for some in (group, parents, longer))
            row_entries, parent_entries, longer_entries = own
            boards[board].append(Row(row_entries, parent_entries, machine, longer_entries))
    for board in boards.values():
        board.sort(key=lambda row: (row.setup.model, row.setup.digest(), row.machine))
    return dict(sorted(boards.items()))


def _machines(group: Iterable[Entry[Record]]) -> list[str]:
    """The machines of uncontested records; where all are contested, of all."""
    entries = list(group)
    good = [entry for entry in entries if entry.contested is None] or entries
    return sorted({machine_of(entry.file) for entry in good})


Groups = dict[tuple[str, str, str | None], list[Entry[Record]]]


def _by_epochs(groups: Groups) -> dict[tuple[str, str], dict[float, list[Entry[Record]]]]:
    """The records of dense networks, by board and what they share whatever their epochs, and then by epochs."""
    dense: dict[tuple[str, str], dict[float, list[Entry[Record]]]] = defaultdict(dict)
    for (board, _, values), group in groups.items():
        setup, epochs = group[0].file.setup, _epochs(group[0].file)
        if setup.method.name == DENSE and values is None and epochs is not None:
            dense[board, _whatever_epochs(setup)][epochs] = group
    return dense


def _whatever_epochs(setup: Setup) -> str:
    return parent_of(setup.model_copy(update={"recipe": setup.recipe | {"epochs": 0}}))


def _epochs(record: Record) -> float | None:
    epochs = record.setup.recipe.get("epochs")
    return float(epochs) if isinstance(epochs, int | float) and not isinstance(epochs, bool) else None


def _longer(
    group: Iterable[Entry[Record]], dense: Mapping[float, list[Entry[Record]]]
) -> list[Entry[Record]]:
    """The dense network whose epochs are nearest to those that a method really trained, within `NEAR` of them."""
    budgets = [entry.file.budget for entry in group if entry.contested is None]
    epochs = next((_epochs(entry.file) for entry in group), None)
    if not budgets or not epochs or (budget := sum(budgets) / len(budgets)) <= LONGER:
        return []
    nearest = min(dense, key=lambda count: abs(count - budget * epochs), default=None)
    if nearest is None or nearest == epochs or abs(nearest - budget * epochs) > NEAR * budget * epochs:
        return []
    return dense[nearest]


def _one_a_seed(entries: Iterable[Entry[Record]], machine: str) -> list[Entry[Record]]:
    """Entries in order of seeds; of several uncontested ones of one seed the newest, of this machine if there is one.

    Contested ones stay.
    """
    entries = list(entries)
    best: dict[int, Entry[Record]] = {}
    for entry in sorted(
        entries, key=lambda e: (machine_of(e.file) == machine, e.file.created, e.file.digest)
    ):
        if entry.contested is None:
            best[entry.file.seed] = entry
    contested = [entry for entry in entries if entry.contested is not None]
    return sorted([*best.values(), *contested], key=lambda entry: entry.file.seed)
