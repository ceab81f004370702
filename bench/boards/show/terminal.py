"""A board as a table: in the terminal, and in Weights & Biases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.numbers import Mean, Number, packed, payload, reading
from bench.boards.rows import Row
from bench.boards.show.record import big, seconds

COLUMNS: dict[str, tuple[Number, Callable[[float], str], Number | None]] = {
    "effective MACs": (reading(-1, "macs.effective"), big, None),
    "packed bytes": (packed(-1), big, None),
    "latency": (reading(-1, "latency"), seconds, reading(-1, "speedup")),
    "payload bytes": (payload, big, None),
}
"""Number of the last exit or of the whole, its form, and, where a clock gave it, its ratio to a parent timed in turn."""


def board_table(name: str, rows: list[Row]) -> Table:
    """Two lines a row: means over seeds, and below them the ratios to the dense parent."""
    table = Table(
        title=f"{name}: last exits, means over seeds with 95% intervals; below, dense parent / this",
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
    )
    table.add_column("model\nexits plan", overflow="fold")
    for head in ("seeds", "top-1", *(column.replace(" ", "\n") for column in COLUMNS), "budget"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        cells = [_line(row, *column) for column in COLUMNS.values()]
        budget = row.mean(lambda record: record.budget)
        table.add_row(
            f"{row.setup.model}\n{row.plan}",
            str(row.seeds),
            share(row.mean(reading(-1, "top1"))),
            *cells,
            f"{budget.value:.3g} x" if budget else "",
            style=None if row.ranked else "dim",
        )
    return table


def _line(row: Row, number: Number, form: Callable[[float], str], in_turn: Number | None) -> str:
    timed = in_turn is not None
    mean, ratio = row.mean(number, timed=timed), row.ratio(number, timed=timed, in_turn=in_turn)
    if mean is None:
        return "-"
    return f"{form(mean.value)}\n{f'{ratio:.2f} x' if ratio is not None else ''}"


def share(mean: Mean | None) -> str:
    """An accuracy with its interval, in percent."""
    if mean is None:
        return "-"
    return f"{mean.value:.2%}" + (f"\n± {mean.half * 100:.2f}" if mean.half is not None else "")


def board_columns() -> list[str]:
    """Names of what `board_rows` gives."""
    return ["model", "exits plan", "task", "seeds", "top-1", "top-1 ±", *COLUMNS, "budget"]


def board_rows(rows: list[Row]) -> list[list[Any]]:
    """A board as plain values, a list a row."""
    found = []
    for row in rows:
        top1, budget = row.mean(reading(-1, "top1")), row.mean(lambda record: record.budget)
        means = [row.mean(number, timed=in_turn is not None) for number, _, in_turn in COLUMNS.values()]
        found.append(
            [
                row.setup.model, row.plan, row.setup.task.spec, row.seeds,
                top1 and top1.value, top1 and top1.half, *(mean and mean.value for mean in means),
                budget and budget.value,
            ]
        )  # fmt: skip
    return found
