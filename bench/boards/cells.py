"""Cells: numbers as text, the same in every form of a board, and tables of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.boards.units import big, in_bytes, joules, seconds
from bench.records.mean import Mean

FORMS: dict[str, Callable[[float], str]] = {
    "MAC": big,
    "B": in_bytes,
    "instruction": big,
    "s": seconds,
    "J": joules,
    "share": lambda value: f"{value:.2%}",
    "x": lambda value: f"{value:.2f} x",
    "": big,
}
"""By unit, the function that writes a number of it."""


class Cell(NamedTuple):
    """One cell: its text, a smaller line below, and the number that it is sorted by; words have none."""

    text: str
    more: str = ""
    value: float | None = None
    number: bool = True


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        title: above it.
        note: explains its numbers.
        heads: of the columns; a column whose cells are all empty is not shown.
        rows: their cells.
        names: how many columns, from the first, are names and not numbers.
    """

    title: str
    note: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int


def filled(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows without the columns whose cells are all empty."""
    cells = list(rows)
    used = [n for n in range(len(heads)) if any(row[n] for row in cells)]
    return [heads[n] for n in used], [[row[n] for n in used] for row in cells]


def percent(mean: Mean) -> str:
    """A mean share with its interval."""
    return f"{mean.value:.2%}" + (f" ± {mean.half * 100:.2f}" if mean.half is not None else "")


def plain(mean: Mean | None) -> str:
    """A mean share without its interval."""
    return "" if mean is None else f"{mean.value:.1%}"


def cost(
    mean: Mean | None, form: Callable[[float], str], ratio: float | None = None, seeds: int | None = None
) -> str:
    """A mean cost, its ratio to the dense parent, and the number of seeds where not all have it."""
    if mean is None:
        return ""
    return form(mean.value) + (f" ({ratio:.2f} x)" if ratio is not None else "") + of_seeds(mean, seeds)


def of_seeds(mean: Mean, seeds: int | None) -> str:
    """The number of seeds that a mean is over, where not all have it."""
    return f" (n={mean.n})" if seeds is not None and mean.n != seeds else ""


def times(ratio: float | None) -> str:
    """A ratio."""
    return "" if ratio is None else f"{ratio:.2f} x"


def points(share: float) -> str:
    """A difference of accuracies in percentage points."""
    return f"{share * 100:+.2f} points"
