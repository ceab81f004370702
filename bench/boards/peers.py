"""Peers: the rows that are ranked together, trained by one recipe and timed on one machine, in groups that nobody can tell apart."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.boards.differences import Difference
from bench.boards.rows import Row, accuracy
from bench.records.setup import Setup


@dataclass(frozen=True, eq=False)
class Peers:
    """Rows of one recipe and one machine: like with like.

    Attributes:
        recipe: its name, such as `4 epochs`.
        machine: on which their times were taken.
        rows: the ranked ones first, by group and accuracy.
        groups: of each row, the number of its group, from 1; None below three seeds.
    """

    recipe: str
    machine: str
    rows: tuple[Row, ...]
    groups: tuple[int | None, ...]

    @property
    def name(self) -> str:
        """Recipe and machine."""
        return f"{self.recipe}, {self.machine}"


def peers(rows: Iterable[Row]) -> list[Peers]:
    """All peers of a board, those of most ranked rows first, then of most rows, and by name."""
    rows = list(rows)
    names = recipe_names(rows)
    own: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        own[names[recipe_key(row)], row.machine or ""].append(row)
    everybody = [Peers(recipe, machine, *_in_groups(some)) for (recipe, machine), some in own.items() if some]
    return sorted(everybody, key=lambda one: (*_sizes(one.rows), one.name))


def _sizes(rows: Sequence[Row]) -> tuple[int, int]:
    return -sum(row.ranked for row in rows), -len(rows)


def recipe_key(row: Row) -> str:
    """What must be equal for rows to be of one recipe: its settings, its layout over devices, and whether weights were given."""
    layout = None if row.setup.layout is None else row.setup.layout.plan()
    return json.dumps([row.setup.weights is not None, row.setup.recipe, layout], sort_keys=True, default=str)


def recipe_names(rows: Iterable[Row]) -> dict[str, str]:
    """The name of every recipe, by its key: its epochs, and where several have as many, the settings that differ."""
    recipes = {recipe_key(row): row.setup for row in rows}
    plain = {key: _plain_name(setup) for key, setup in recipes.items()}
    counts = Counter(plain.values())
    names: dict[str, str] = {}
    for key, setup in recipes.items():
        rivals = [recipes[other].recipe for other, name in plain.items() if name == plain[key]]
        apart = sorted(
            setting for setting in setup.recipe if len({str(one.get(setting)) for one in rivals}) > 1
        )
        words = [f"{setting} {setup.recipe[setting]}" for setting in apart] if counts[plain[key]] > 1 else []
        names[key] = ", ".join([plain[key], *words])
    return names


def _plain_name(setup: Setup) -> str:
    epochs, given = setup.recipe.get("epochs"), setup.weights is not None
    if given and epochs == 0:
        return "weights given"
    words = [f"{epochs} epoch{'' if epochs == 1 else 's'}", *(["weights given"] if given else [])]
    return ", ".join([*words, *(setup.layout.plan() if setup.layout else [])])


def _in_groups(rows: Iterable[Row]) -> tuple[tuple[Row, ...], tuple[int | None, ...]]:
    """Rows in order, and the group of each.

    A group is led by the most accurate row that is in no group before it, and holds every row that cannot be told from
    its leader: whose difference by pairs of seeds has an interval with 0 in it. Rows of too few seeds are in none.
    """
    ordered = sorted(
        rows, key=lambda row: (not row.ranked, -accuracy(row), row.setup.model, row.asked.digest)
    )
    leaders: list[Row] = []
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in (row for row in ordered if row.ranked):
        number = next(
            (n for n, leader in enumerate(leaders, 1) if not is_told(row, leader)), len(leaders) + 1
        )
        if number > len(leaders):
            leaders.append(row)
        groups[number].append(row)
    ranked = [(row, number) for number in sorted(groups) for row in groups[number]]
    unranked = [(row, None) for row in ordered if not row.ranked]
    both = [*ranked, *unranked]
    return tuple(row for row, _ in both), tuple(number for _, number in both)


def is_told(row: Row, other: Row) -> bool:
    """Whether the accuracies of two rows can be told apart by pairs of seeds."""
    difference = Difference.paired(row.accuracies, other.accuracies)
    return difference is not None and difference.is_told
