"""seesaw list, check and new: all plugins, their kinds' contracts, and a skeleton of a new one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError
from bench.plugins.names import check_names
from bench.plugins.plugin import KINDS, entries
from bench.plugins.spec import near, parse


def list_(
    kind: Annotated[str | None, typer.Argument(help=f"one of {', '.join(KINDS)}")] = None,
    debug: options.Debug = False,
) -> None:
    """Show every plugin there is, with its settings, their defaults and what they mean."""
    from bench.plugins.listing import cards

    if kind is not None and kind not in KINDS:
        raise SeesawError(f"There is no kind {kind!r}{near(kind, KINDS)} The kinds are {', '.join(KINDS)}.")
    with _uncollected():
        for one in KINDS if kind is None else (kind,):
            table = Table(
                title=one,
                title_justify="left",
                title_style="bold",
                show_header=False,
                box=None,
                padding=(0, 2),
            )
            for card in cards(one):
                table.add_row(Text(card.name, style="green"), card.trouble or card.line)
                for setting in card.settings:
                    table.add_row("", f"  {setting.name}={setting.default}  {setting.meaning}", style="dim")
            out.print(table)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection for a while, nor later of what is there by then: syntax trees are many objects, kept, no garbage."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was:
            gc.enable()


def check(
    spec: Annotated[str, typer.Argument(help="an announced name, or a draft: path/to/file.py:Class")],
    kind: Annotated[str | None, typer.Option(help="where a name stands for several kinds")] = None,
    data: options.DataSets = options.DATA,
    debug: options.Debug = False,
) -> None:
    """Check that a plugin holds to its kind's contract."""
    if kind is None:
        kind = _kind_of(spec)
    if kind not in KINDS:
        raise SeesawError(f"There is no kind {kind!r}{near(kind, KINDS)} The kinds are {', '.join(KINDS)}.")
    check_names(kind, [spec])

    import bench
    from bench.plugins.plugin import choose, class_name
    from bench.testing import check as conform

    choice = choose(getattr(bench, class_name(kind)), spec)
    for fact in conform(choice.plugin, data):
        out.print(f"ok {fact}")
    out.print(f"{choice.spec} conforms ({kind}, {choice.origin}).")


def _kind_of(spec: str) -> str:
    """The one kind that has a plugin of this name, or that a draft's class derives from."""
    name = parse(spec).name
    if ":" in name:
        import bench
        from bench.plugins.plugin import choose

        return choose(bench.Plugin, spec).plugin.kind
    kinds = [kind for kind in KINDS if name in entries(kind)]
    if len(kinds) == 1:
        return kinds[0]
    if not kinds:
        names = [other for kind in KINDS for other in entries(kind)]
        raise SeesawError(f"No plugin is called {name!r}{near(name, names)} `seesaw list` shows all.")
    raise SeesawError(f"{name!r} is a {' and a '.join(kinds)}. Say which: --kind {kinds[0]}.")


def new(
    kind: Annotated[str, typer.Argument(help=f"one of {', '.join(KINDS)}")],
    name: Annotated[str, typer.Argument(help="as in specs: small letters, digits and hyphens")],
    debug: options.Debug = False,
) -> None:
    """Write a skeleton plugin and its test, and announce it in pyproject.toml."""
    from bench.plugins.scaffold import write

    for line in write(kind, name, Path()):
        out.print(line)
