"""Margin: how far each method goes before it costs half a point of accuracy, at any exit, by tests that may not tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.boards.cells import Table, points, times
from bench.boards.differences import MARGIN, Difference
from bench.boards.families import density_of, families
from bench.boards.headline import Case
from bench.boards.numbers import cut_packed, cut_reading
from bench.boards.rows import Row

TITLE = f"Within {MARGIN * 100:g} points of the dense network, at every exit"
NOTE = (
    "From the largest density down. *By the mean*: the last density before the mean loss of any exit is more. *Surely within*: "
    "the last before the seeds cannot tell, *surely worse*: the first at which an exit loses more; by two one-sided tests at 5%, "
    "over pairs of seeds. Loss: points less than the dense network, with the 95% interval, at the exit that loses most. How many "
    "times less than the dense network is stored and computed: at the density by the mean, by the whole network, at the exit "
    "that saves least, and on the device."
)
HEADS = (
    "network", "method", "surely within", "by the mean", "surely worse", "seeds", "loss by the mean", "packed, whole",
    "MACs, whole", "packed, worst exit", "MACs, worst exit", "device's part by cut: packed, MACs",
)  # fmt: skip


@dataclass(frozen=True)
class Saving:
    """How sparse one method on one network becomes before it loses more accuracy than the margin.

    Attributes:
        network: backbone and exits plan, with the epochs and what else sets a row apart.
        method: its spec without the density.
        sure: the smallest density down to which every larger one surely loses no more; None where the largest may.
        best: the smallest density down to which every larger one loses no more by the mean; None where the largest does.
        worse: the largest density that surely loses more; None where none does.
    """

    network: str
    method: str
    sure: Case | None
    best: Case | None
    worse: Case | None


def device_savings(row: Row) -> list[tuple[int, float | None, float | None]]:
    """For the device's part of every inner cut: its number, and how many times less is stored and computed."""
    return [
        (k, row.ratio(cut_packed(k)), row.ratio(cut_reading(k, "macs.effective.device")))
        for k in range(1, len(row.records[0].cuts) - 1)
    ]


def savings(rows: Iterable[Row]) -> list[Saving]:
    """One for each method with a density and a dense parent; by network, the largest saving first."""
    found = []
    for family in families(row for row in rows if row.parents):
        cases = [Case(row) for row in family.rows]
        sure = _last([case.verdict() == "within" for case in cases])
        best = _last([case.is_within_by_mean() for case in cases])
        worse = next((case for case in cases if case.verdict() == "worse"), None)
        found.append(Saving(family.network, family.method, _at(cases, sure), _at(cases, best), worse))
    return sorted(found, key=lambda one: (one.network, -_bytes(one), one.method))


def _at(cases: list[Case], place: int | None) -> Case | None:
    return None if place is None else cases[place]


def _last(passed: list[bool]) -> int | None:
    """The place of the last that passes before the first that does not."""
    first = next((place for place, one in enumerate(passed) if not one), len(passed))
    return first - 1 if first else None


def _bytes(saving: Saving) -> float:
    return (saving.best.saving("whole")[0] or 0.0) if saving.best else 0.0


def within(rows: Iterable[Row]) -> Table:
    """The table of all savings."""
    lines = []
    for one in savings(rows):
        cells = [one.network, one.method, *(_density(case) for case in (one.sure, one.best, one.worse))]
        if one.best is not None:
            cells += [str(one.best.row.seeds), lost(one.best.worst_exit)]
            cells += [times(ratio) for part in ("whole", "exits") for ratio in one.best.saving(part)]
            parts = device_savings(one.best.row)
            cells += ["; ".join(f"{k}: {times(b)}, {times(m)}" for k, b, m in parts)]
        cells += [""] * (len(HEADS) - len(cells))
        lines.append(cells)
    return Table(TITLE, NOTE, HEADS, lines, names=2)


def _density(case: Case | None) -> str:
    return "none" if case is None else f"{density_of(case.row):.4g}"


def lost(difference: Difference | None) -> str:
    """A loss in points, with its interval."""
    if difference is None:
        return ""
    half = "" if difference.half is None else f" ± {difference.half * 100:.2f}"
    return points(-difference.mean).replace(" points", f"{half} points")
