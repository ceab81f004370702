"""Records grouped into rows: by training, and by the machine on which they were timed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

from bench.boards.extract import Extract
from bench.boards.keeper import Keeper
from bench.boards.rows import LONGER, Row
from bench.records.setup import DENSE
from bench.records.store import Entry

NEAR = 0.25
"""A dense network trained as long as a method has epochs that differ from the method's by at most this share."""


def rows(entries: Iterable[Entry[Extract]], keeper: Keeper | None = None) -> dict[str, list[Row]]:
    """Rows by board, in the order of names: one for each training and each machine on which it was timed.

    Args:
        entries: of records.
        keeper: of what is computed of rows.
    """
    groups: dict[tuple[str, str, str | None], list[Entry[Extract]]] = defaultdict(list)
    for entry in entries:
        asked = entry.file.asked
        groups[asked.board, asked.training, asked.setup.values].append(entry)
    dense = _by_epochs(groups)
    boards: dict[str, list[Row]] = defaultdict(list)

    @cache
    def parent(board: str, training: str, machine: str) -> Row | None:
        """The dense parent that all smaller networks timed on one machine share."""
        group = groups.get((board, training, None), [])
        return Row(tuple(_one_a_seed(group, machine))) if group else None

    for (board, *_), group in groups.items():
        asked = group[0].file.asked
        longer = _longer(group, dense.get((board, asked.whatever_epochs), {}))
        own = {machine: tuple(_one_a_seed(group, machine)) for machine in _machines(group)}
        for machine, chosen in own.items():
            boards[board].append(
                Row(
                    chosen,
                    parent(board, asked.parent, machine),
                    machine,
                    tuple(_one_a_seed(longer, machine)),
                    _superseded(group, own, machine),
                    keeper,
                )
            )
    for board in boards.values():
        board.sort(key=lambda row: (row.setup.model, row.asked.digest, row.machine))
    return dict(sorted(boards.items()))


def _superseded(
    group: Iterable[Entry[Extract]], own: Mapping[str, Iterable[Entry[Extract]]], machine: str
) -> tuple[Extract, ...]:
    """The uncontested records of one machine that are on the row of no machine, in order of seeds and dates."""
    chosen = {id(entry) for entries in own.values() for entry in entries}
    left = [
        entry.file
        for entry in group
        if entry.contested is None and id(entry) not in chosen and entry.file.machine == machine
    ]
    return tuple(sorted(left, key=lambda one: (one.seed, one.created, one.digest)))


def _machines(group: Iterable[Entry[Extract]]) -> list[str]:
    """The machines of uncontested records; where all are contested, of all."""
    entries = list(group)
    good = [entry for entry in entries if entry.contested is None] or entries
    return sorted({entry.file.machine for entry in good})


Groups = dict[tuple[str, str, str | None], list[Entry[Extract]]]


def _by_epochs(groups: Groups) -> dict[tuple[str, str], dict[float, list[Entry[Extract]]]]:
    """The records of dense networks, by board and what they share whatever their epochs, and then by epochs."""
    dense: dict[tuple[str, str], dict[float, list[Entry[Extract]]]] = defaultdict(dict)
    for (board, _, values), group in groups.items():
        asked, epochs = group[0].file.asked, _epochs(group[0].file)
        if asked.setup.method.name == DENSE and values is None and epochs is not None:
            dense[board, asked.whatever_epochs][epochs] = group
    return dense


def _epochs(record: Extract) -> float | None:
    epochs = record.setup.recipe.get("epochs")
    return float(epochs) if isinstance(epochs, int | float) and not isinstance(epochs, bool) else None


def _longer(
    group: Iterable[Entry[Extract]], dense: Mapping[float, list[Entry[Extract]]]
) -> list[Entry[Extract]]:
    """The dense network whose epochs are nearest to those that a method really trained, within `NEAR` of them."""
    budgets = [entry.file.budget for entry in group if entry.contested is None]
    epochs = next((_epochs(entry.file) for entry in group), None)
    if not budgets or not epochs or (budget := sum(budgets) / len(budgets)) <= LONGER:
        return []
    nearest = min(dense, key=lambda count: abs(count - budget * epochs), default=None)
    if nearest is None or nearest == epochs or abs(nearest - budget * epochs) > NEAR * budget * epochs:
        return []
    return dense[nearest]


def _one_a_seed(entries: Iterable[Entry[Extract]], machine: str) -> list[Entry[Extract]]:
    """Entries in order of seeds; of several uncontested ones of one seed the newest, of this machine if there is one.

    Contested ones stay.
    """
    entries = list(entries)
    best: dict[int, Entry[Extract]] = {}
    for entry in sorted(entries, key=lambda e: (e.file.machine == machine, e.file.created, e.file.digest)):
        if entry.contested is None:
            best[entry.file.seed] = entry
    contested = [entry for entry in entries if entry.contested is not None]
    return sorted([*best.values(), *contested], key=lambda entry: entry.file.seed)
