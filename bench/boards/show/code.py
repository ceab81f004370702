"""Generated code in the terminal: what it takes of microcontrollers, to each exit and before each cut."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.units import big, in_bytes
from bench.records.reading import Reading, Readings
from bench.records.record import Record

FLASH = "flash."


def code_table(record: Record) -> Table | None:
    """A row for each exit and each device part on each board; None where the meter `c` was not asked."""
    places = [(f"exit {n}", "", one.readings) for n, one in enumerate(record.exits)]
    places += [(f"before cut {n}", ".device", one.readings) for n, one in enumerate(record.cuts)]
    rows = [row for place, side, readings in places for row in _rows(place, side, readings)]
    if not rows:
        return None
    table = Table(
        title="as C on emulated microcontrollers",
        title_justify="left",
        title_style="bold",
        caption="instructions are no times: a processor takes one or more cycles for each",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    for head in ("part to", "processor", "flash", "RAM", "instructions"):
        table.add_column(head, justify="left" if head in ("part to", "processor") else "right")
    for row in rows:
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


def _cell(reading: Reading | None, form) -> str:
    return "-" if reading is None else form(reading.value)
