"""Generated code in the terminal: what it takes of microcontrollers, to each exit and before each cut."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.units import big, in_bytes
from bench.records.curve import Curve
from bench.records.reading import Reading, Readings
from bench.records.record import Record

FLASH = "flash."
POLICIES = ("confidence", "entropy", "margin")
"""Those that decide in C."""
NOTE = "instructions are no times: a processor takes one or more cycles for each"
MEANS = (
    "; by a policy at its shipped point: the mean over the test split, and its share of running to the end; what asking the "
    "policy takes is not in it"
)


def code_table(record: Record) -> Table | None:
    """A row for each exit and each device part on each board; None where the meter `c` was not asked."""
    places = [(f"exit {n}", "", one.readings) for n, one in enumerate(record.exits)]
    places += [(f"before cut {n}", ".device", one.readings) for n, one in enumerate(record.cuts)]
    rows = [row for place, side, readings in places for row in _rows(place, side, readings)]
    means = [row for curve in record.curves for row in _means(record, curve)]
    if not rows:
        return None
    table = Table(
        title="as C on emulated microcontrollers",
        title_justify="left",
        title_style="bold",
        caption=f"{NOTE}{MEANS if means else ''}",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    for head in ("part to", "processor", "flash", "RAM", "instructions"):
        table.add_column(head, justify="left" if head in ("part to", "processor") else "right")
    for row in [*rows, *means]:
        table.add_row(*row)
    return table


def _rows(place: str, side: str, readings: Readings) -> list[tuple[str, ...]]:
    boards = [
        name.removeprefix(FLASH).removesuffix(side)
        for name in readings
        if name.startswith(FLASH) and name.endswith(side)
    ]
    return [
        (
            place,
            board,
            *(
                _cell(readings.get(f"{cost}.{board}{side}"), form)
                for cost, form in (("flash", in_bytes), ("ram", in_bytes), ("instructions", big))
            ),
        )
        for board in boards
    ]


def _means(record: Record, curve: Curve) -> Iterator[tuple[str, ...]]:
    """The mean of instructions over the test split, where samples leave by a policy, on each board."""
    if curve.policy.partition("[")[0] not in POLICIES or curve.shipped is None or len(record.exits) < 2:
        return
    shares = curve.outcomes[curve.shipped].shares
    for name in record.exits[-1].readings:
        kind, _, board = name.partition(".")
        counts = [exit_.readings[name].value for exit_ in record.exits if name in exit_.readings]
        if kind == "instructions" and len(counts) == len(shares):
            mean = sum(share * count for share, count in zip(shares, counts, strict=True))
            yield f"by {curve.policy}", board, "-", "-", f"{big(mean)} ({mean / counts[-1]:.0%})"


def _cell(reading: Reading | None, form) -> str:
    return "-" if reading is None else form(reading.value)
