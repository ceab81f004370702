"""A board's last exits in the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.board import Board, Field, Line
from bench.boards.numbers import times_trained
from bench.boards.units import digits
from bench.records.energy_model import SPIKES

COLUMNS = {
    "macs.effective": "effective\nMACs",
    "bytes": "packed\nbytes",
    "latency": "latency",
    "payload": "payload\nbytes",
}
"""The axes that are shown beside accuracy, with the heads of their columns."""


def board_table(board: Board, field: Field | None = None, lines: Iterable[Line] | None = None) -> Table:
    """Two lines a row: means over seeds, and below them the ratios to the dense parent.

    Args:
        board: the board.
        field: the rows that are ranked together; the usual ones where left out.
        lines: those of the field that are shown; all where left out.
    """
    field = field or board.fields[0]
    table = Table(
        title=f"{board.name}, {field.peers.name}: last exits, means over seeds with 95% intervals; below, dense parent / this",
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
    )
    table.add_column("model\nexits plan", overflow="fold")
    shown = list(field.lines if lines is None else lines)
    own = _spiking(shown)
    for head in ("seeds", "top-1", *COLUMNS.values(), *own.values(), "budget"):
        table.add_column(head, justify="right", no_wrap=True)
    for line in shown:
        row = line.row
        left_out = f"\nMACs leave out {', '.join(row.costly)}" if row.costly else ""
        budget = row.mean(times_trained)
        table.add_row(
            f"{row.setup.model_at_density}\n{row.plan}{left_out}",
            str(row.seeds),
            *("\n".join(line.last[key].lines) for key in ("top1", *COLUMNS, *own)),
            f"{digits(budget.value)} x" if budget else "",
            style=None if row.ranked else "dim",
        )
    return table


def _spiking(lines: Iterable[Line]) -> dict[str, str]:
    """The axes of spikes and of their modelled energy that any of these rows has, with the heads of their columns."""
    heads = {
        "spikes": "spikes",
        "synops": "synaptic\noperations",
        f"energy.{SPIKES}": "spike energy,\nmodelled",
    }
    return {
        key: head
        for key, head in heads.items()
        if any(key in line.last and line.last[key].mean for line in lines)
    }
