"""A measured deployment in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.measured.page import within
from bench.boards.measured.read import LAID, machine_of, network_of
from bench.boards.units import seconds
from bench.errors import counted
from bench.records.answers import HALVES, Totals
from bench.records.measured import MeasuredDeployment
from bench.records.store import Store

Shown = Iterator[tuple[Table | str, str | None]]
PERCENT = {"least": 0, "median": 50, "95%": 95, "99%": 99, "most": 100}


def shown(measured: MeasuredDeployment, store: Store) -> Shown:
    """Its network, machine and link, and what was predicted beside what was measured; no table where its numbers contradict each other."""
    if measured.faults():
        return
    c, arm = measured.asked, measured.arm
    yield f"Measured: {network_of(measured)}, {arm.name}, {measured.way.channel.label}", "bold"
    yield _table(measured), None
    others = "unknown how many" if measured.others is None else f"{measured.others:.2f}"
    yield (
        f"{counted(measured.requests, 'request')}, {c.arrivals}, {c.rate:g} a second for {c.seconds:g} s; {LAID[measured.laid]}; "
        f"{machine_of(measured)}; cores that other programs took: {others}{', which disturbed it' if measured.disturbed else ''}. "
        f"{measured.as_predicted:.2%} are right, or wrong, as predicted. The median and the 95th percentile are "
        f"{'' if within(measured) else 'not both '}within 15% and 25%."
    ), None  # fmt: skip


def _table(measured: MeasuredDeployment) -> Table:
    table = Table(
        "to the answer",
        "predicted",
        "measured",
        "ratio",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    predicted, found = (measured.totals[half] for half in HALVES)
    rows: list[tuple[str, Callable[[Totals], float | None]]] = [
        (name, lambda totals, percent=percent: totals.quantiles[percent]) for name, percent in PERCENT.items()
    ]
    rows += [
        ("mean", lambda totals: totals.mean), ("on the device", lambda totals: totals.device),
        ("at the server", lambda totals: totals.server),
    ]  # fmt: skip
    for name, value in rows:
        one, other = value(predicted), value(found)
        ratio = f"{other / one:.3f}" if one and other is not None else ""
        table.add_row(name, *("never" if each is None else seconds(each) for each in (one, other)), ratio)
    n = measured.requests
    table.add_row("rightly answered", f"{predicted.right / n:.2%}", f"{found.right / n:.2%}", "")
    for place in ("exit", "server", "fallback", "never"):
        pair = predicted.places[place], found.places[place]
        if any(pair):
            table.add_row(
                f"answered by {place}" if place != "never" else place, *(f"{one / n:.1%}" for one in pair), ""
            )
    return table


PARTS: dict[str, Callable[[MeasuredDeployment, Store], Shown]] = {}
