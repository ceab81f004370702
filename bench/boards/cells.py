"""Cells: numbers of a row as a Markdown page shows them."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.boards.numbers import Mean, Number
from bench.boards.rows import Row
from bench.boards.show.record import big


def text(words: str) -> str:
    """Words of a record as Markdown shows them: no element, no cell, no line of their own."""
    plain = html.escape(" ".join(words.split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\`*_[]|#!~" else letter for letter in plain)


@dataclass(frozen=True)
class Table:
    """A table of text that both kinds of pages show.

    Attributes:
        title: above it.
        note: what its numbers are.
        heads: of the columns; of those that nobody has anything for, none is shown.
        rows: cells.
        names: how many columns, from the first, are names and not numbers.
    """

    title: str
    note: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int


def filled(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows without the columns that nobody has anything for."""
    found = list(rows)
    used = [n for n in range(len(heads)) if any(cells[n] for cells in found)]
    return [heads[n] for n in used], [[cells[n] for n in used] for cells in found]


def share(row: Row, number: Number) -> str:
    """An accuracy with its interval, and of how many seeds, where some lack it."""
    mean = row.mean(number)
    return "" if mean is None else percent(mean) + _of(row, mean)


def percent(mean: Mean) -> str:
    """A mean share with its interval."""
    return f"{mean.value:.2%}" + (f" ± {mean.half * 100:.2f}" if mean.half is not None else "")


def plain(row: Row, number: Number) -> str:
    """A mean share without its interval."""
    mean = row.mean(number)
    return "" if mean is None else f"{mean.value:.1%}"


def cost(
    row: Row,
    number: Number,
    form: Callable[[float], str],
    *,
    timed: bool = False,
    in_turn: Number | None = None,
) -> str:
    """A mean cost with its ratio to the dense parent."""
    mean, ratio = row.mean(number, timed=timed), row.ratio(number, timed=timed, in_turn=in_turn)
    if mean is None:
        return ""
    return form(mean.value) + (f" ({ratio:.2f} x)" if ratio is not None else "") + _of(row, mean)


def _of(row: Row, mean: Mean) -> str:
    """How many seeds have a number, where not all do."""
    return f" (n={mean.n})" if mean.n != len(row.records) else ""


def in_bytes(value: float) -> str:
    """Bytes, shortened."""
    return f"{big(value)}B"


def times(ratio: float | None) -> str:
    """A ratio."""
    return "" if ratio is None else f"{ratio:.2f} x"


def points(share: float) -> str:
    """A difference of accuracies in percentage points."""
    return f"{share * 100:+.2f} points"
