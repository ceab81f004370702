"""seesaw show and diff: the content of a written file, and the differences of two.

They treat every kind of written file alike: see `bench.records.sealed`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError, counted

if TYPE_CHECKING:
    from bench.records.sealed import Sealed
    from bench.records.store import Store

RecordPath = Annotated[Path, typer.Argument(help="path of a written file, such as a record")]


def show(
    record: RecordPath,
    settings: Annotated[
        bool, typer.Option("--settings", help="how it was made, and on which machine")
    ] = False,
    exits: Annotated[bool, typer.Option("--exits", help="every number of every exit")] = False,
    cuts: Annotated[
        bool, typer.Option("--cuts", help="what crosses each cut, by codec and by policy")
    ] = False,
    policies: Annotated[
        bool, typer.Option("--policies", help="accuracy of policies at shares of the cost")
    ] = False,
    walks: Annotated[bool, typer.Option("--walks", help="exits really taken, on the clock")] = False,
    all_: Annotated[bool, typer.Option("--all", help="all of these")] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="every value, as plain JSON and nothing else")
    ] = False,
    debug: options.Debug = False,
) -> None:
    """Print what a run came to, on one screen; the rest by its part, or all of it.

    A file without parts, such as what `seesaw replay --record` wrote, is shown whole.
    """
    from bench.records.store import Store, open_file

    file = open_file(record)
    if json_:
        typer.echo(json.dumps(file.model_dump(mode="json"), indent=1))  # ASCII alone: no terminal obeys it
        return
    store = Store.around(record, file)
    view = import_module(file.shown_by)
    asked = {"settings": settings, "exits": exits, "cuts": cuts, "policies": policies, "walks": walks}
    parts = [name for name in asked if asked[name]]
    if other := next((name for name in parts if name not in view.PARTS), None):
        raise SeesawError(f"A {file.title} has no part --{other}. Leave the option out: everything is shown.")
    faults = store.faults(file)
    try:
        for name in view.PARTS if all_ else parts:
            _print(view.PARTS[name](file, store))
        if all_ or not parts:
            print_file(record, store, file)
    except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
        if not faults:
            raise
        raise SeesawError(
            f"{record} is not to be believed, and cannot be shown. {faults[0]} {file.remedy}"
        ) from error
    if reason := store.contested(record, faults):
        out.print(f"Not to be believed: {reason}", style="red", soft_wrap=True)


def print_file(path: Path, store: Store, file: Sealed | None = None) -> None:
    """Print the first screen of a written file, and its path."""
    from bench.records.store import open_file

    file = file or open_file(path)
    _print(import_module(file.shown_by).shown(file, store))
    out.print(f"{file.title.capitalize()}: {path}", soft_wrap=True)


def _print(parts: Iterable[tuple[Table | str, str | None]]) -> None:
    for part, style in parts:
        out.print(part, style=style, soft_wrap=isinstance(part, str))


def diff(
    one: RecordPath,
    other: RecordPath,
    all_: Annotated[bool, typer.Option("--all", help="every difference, not the most telling alone")] = False,
    debug: options.Debug = False,
) -> None:
    """Show the differences between two records: settings, machine, versions and numbers.

    Of the numbers the most telling twenty are shown: those of exits first, and of them the largest ratios.
    """
    from bench.boards.units import exact
    from bench.records.compare import differences
    from bench.records.store import open_file

    first, second = open_file(one), open_file(other)
    if type(first) is not type(second):
        raise SeesawError(f"{one} is a {first.title} and {other} a {second.title}. Give two of one kind.")
    table = table_of("settings, machine and versions that differ", "", "first", "second")
    for name, a, b in differences(first.settings(), second.settings()):
        table.add_row(name, str(a), str(b))
    out.print(table if table.row_count else "Settings, machine and versions are the same.")
    numbers = table_of("numbers that differ", "number", "first", "second", "second / first")
    here, there = first.numbers(), second.numbers()
    rows = [(name, here.get(name), there.get(name)) for name in here | there]
    rows = [(name, a, b) for name, a, b in rows if a != b]
    if not all_:
        rows.sort(key=lambda row: _telling(*row))
    for name, a, b in rows if all_ else rows[:TELLING]:
        ratio = f"{b / a:.4g}" if a and b is not None else "-"
        numbers.add_row(name, *("-" if one is None else exact(one) for one in (a, b)), ratio)
    out.print(numbers if numbers.row_count else "All numbers are the same.")
    if (more := len(rows) - numbers.row_count) > 0:
        out.print(
            f"{counted(more, 'more number differs', 'more numbers differ')}: --all shows them.", style="dim"
        )


TELLING = 20
"""Numbers that `diff` shows unless it is asked for all."""


def _telling(name: str, a: float | None, b: float | None) -> tuple[bool, float]:
    """The place of a difference: exits first, and of them those that one record lacks and the largest ratios."""
    ratio = abs(math.log(b / a)) if a and b and a * b > 0 else math.inf
    return not name.startswith("exit"), -ratio


def table_of(title: str, *heads: str) -> Table:
    """An empty table; what is too long for its columns but the first goes on in the next line."""
    table = Table(*heads, title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.overflow = "fold"
    return table
