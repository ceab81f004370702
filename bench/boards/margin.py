"""Margin: how far each method goes before it costs half a point of accuracy, at any exit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.boards.cells import Table, points, times
from bench.boards.families import density_of, families
from bench.boards.numbers import Number, cut_packed, cut_reading, packed, reading
from bench.boards.rows import Row
from bench.records.record import Record

MARGIN = 0.005
"""Share of accuracy that counts as no loss."""
TITLE = f"Within {MARGIN * 100:g} points of the dense network, at every exit"
NOTE = (
    "From the largest density down, the last one before any exit loses more. How many times less than the dense "
    "network: stored and computed, by the whole network, at the exit that saves least, and on the device."
)
HEADS = (
    "network", "method", "smallest density", "breaks at", "seeds", "loss at the worst exit", "packed, whole",
    "MACs, whole", "packed, worst exit", "MACs, worst exit", "device's part by cut: packed, MACs",
)  # fmt: skip


@dataclass(frozen=True)
class Saving:
    """How sparse one method on one network becomes before it loses more accuracy than the margin.

    Attributes:
        network: backbone and exits plan, with the epochs and what else sets a row apart.
        method: its spec without the density.
        best: the row of the smallest density before it breaks; None where the largest one breaks already.
        breaks: the row at which it first loses more than the margin; None where none does.
    """

    network: str
    method: str
    best: Row | None
    breaks: Row | None

    def whole(self, of: Row) -> tuple[float | None, float | None]:
        """How many times less the whole network stores, and computes, than the dense one."""
        return of.ratio(packed(-1)), of.ratio(reading(-1, "macs.effective"))

    def worst_exit(self, of: Row) -> tuple[float | None, float | None]:
        """The same at the exit that saves least."""
        exits = range(len(of.records[0].exits))
        return _least(of, map(packed, exits)), _least(of, (reading(n, "macs.effective") for n in exits))

    def device(self, of: Row) -> list[tuple[int, float | None, float | None]]:
        """The same for the device's part of every inner cut, with the cut's number."""
        return [
            (k, of.ratio(cut_packed(k)), of.ratio(cut_reading(k, "macs.effective.device")))
            for k in range(1, len(of.records[0].cuts) - 1)
        ]


def _least(row: Row, numbers: Iterable[Number]) -> float | None:
    return min((ratio for number in numbers if (ratio := row.ratio(number)) is not None), default=None)


def loss(row: Row) -> float:
    """The accuracy lost against the dense parent, at the exit that loses most; negative for a gain."""
    exits = range(len(row.records[0].exits))
    return max(_mean(row.parents, n) - _mean(row.records, n) for n in exits)


def _mean(records: list[Record], exit_: int) -> float:
    accuracies = [value for record in records if (value := reading(exit_, "top1")(record)) is not None]
    return sum(accuracies) / len(accuracies) if accuracies else 0.0


def savings(board: Iterable[Row]) -> list[Saving]:
    """One for each method with a density and a dense parent; by network, the largest saving first."""
    all_savings = []
    for family in families(row for row in board if row.parents):
        best = breaks = None
        for row in family.rows:
            if loss(row) > MARGIN + 1e-9:
                breaks = row
                break
            best = row
        all_savings.append(Saving(family.network, family.method, best, breaks))
    return sorted(all_savings, key=lambda one: (one.network, -_bytes(one), one.method))


def _bytes(saving: Saving) -> float:
    return (saving.whole(saving.best)[0] or 0.0) if saving.best else 0.0


def within(board: Iterable[Row]) -> Table:
    """The table of all savings."""
    rows = []
    for one in savings(board):
        cells = [one.network, one.method, f"{density_of(one.best):.4g}" if one.best else "none"]
        cells += [
            f"{density_of(one.breaks):.4g} ({points(loss(one.breaks))})" if one.breaks else "none tried"
        ]
        if one.best is not None:
            cells += [str(one.best.seeds), points(loss(one.best))]
            cells += [times(ratio) for ratio in (*one.whole(one.best), *one.worst_exit(one.best))]
            cells += ["; ".join(f"{k}: {times(b)}, {times(m)}" for k, b, m in one.device(one.best))]
        cells += [""] * (len(HEADS) - len(cells))
        rows.append(cells)
    return Table(TITLE, NOTE, HEADS, rows, names=2)
