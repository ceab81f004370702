"""The command line: arguments in, one call out. PyTorch is imported by what needs it, not before."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.errors import SeesawError
from bench.plugin import KINDS, entries
from bench.spec import near, parse, split

app = typer.Typer(
    name="seesaw",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="""Which network to ship, how sparse, with which exits, cut where: measured.

    First steps:

      seesaw run --task digits --model resnet_sparse     train, measure, record (a minute, no download)

      seesaw list                                        every task, backbone, method, ... and its settings

      seesaw board                                       pages from all records

    A plugin is named by a spec, [bold]name\\[key=value,key=value][/bold]; a model is backbone_method:
    [bold]resnet\\[depth=32]_sparse\\[density=0.25][/bold].""",
)
out = Console(
    highlight=False, markup=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
)

RecordsOption = Annotated[Path, typer.Option(envvar="SEESAW_RECORDS", help="folder of records")]
DataOption = Annotated[Path, typer.Option(envvar="SEESAW_DATA", help="folder of data sets")]
DebugOption = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]


@app.callback()
def _root(debug: DebugOption = False) -> None:
    """Options that every command takes."""


@app.command()
def run(
    task: Annotated[str, typer.Option(help="spec of the task")] = "digits",
    model: Annotated[str, typer.Option(help="backbone_method")] = "resnet_sparse",
    exits: Annotated[str, typer.Option(help="spec of the exits plan")] = "joint",
    policies: Annotated[
        str, typer.Option(help="specs, joined by commas")
    ] = "confidence,entropy,fixed,oracle",
    codecs: Annotated[str, typer.Option(help="specs, joined by commas")] = "float32,float16,int8",
    meters: Annotated[
        str, typer.Option(help="specs, joined by commas")
    ] = "macs,storage,latency,memory,energy",
    seeds: Annotated[str, typer.Option(help="numbers, joined by commas; a record each")] = "0",
    epochs: Annotated[
        int | None, typer.Option(min=0, help="instead of the recipe's; 0 measures --weights as they are")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="change the recipe: lr=0.05 (may be repeated)")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    weights: Annotated[Path | None, typer.Option(help="safetensors or state dict to start from")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="of the processor; all where left out")] = None,
    data: DataOption = Path("data"),
    records: RecordsOption = Path("leaderboards/records"),
    runs: Annotated[Path, typer.Option(help="folder for weights and traces")] = Path("runs"),
    again: Annotated[
        bool, typer.Option("--again", help="run even where there is a record, and replace it")
    ] = False,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="let PyTorch use deterministic algorithms only (slower)")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Train a network, measure it, and write its record.

    Prints a table of exits (MACs, parameters, packed bytes, accuracy, latency, energy) and a table of cuts
    (the device's part, payload per codec, accuracy behind it). What has a record already is shown, not run; a run
    that was stopped goes on after its last finished epoch.

    Examples:
      seesaw run --task cifar100 --model 'resnet\\[depth=32]_pruned\\[density=0.1]' --seeds 0,1,2

      seesaw run --task mnist --model mlp --exits single --epochs 2

      seesaw run --task cifar10 --model resnet --weights resnet20.pt --epochs 0 --exits single
    """
    warnings.simplefilter("ignore", FutureWarning)  # torch deprecates what its own packages still call
    with out.status("Loading PyTorch ..."):
        from bench.machine import settle
        from bench.order import Order, Plan
        from bench.progress import Shown
        from bench.runner import run as run_one

    settle(threads, deterministic=deterministic)
    recipe = dict(_setting(word) for word in set_ or [])
    if epochs is not None:
        recipe["epochs"] = str(epochs)
    for seed in _numbers(seeds):
        order = Order(
            task, model, exits, _specs(policies), _specs(codecs), _specs(meters),
            seed, recipe, device, weights, data, records, runs,
        )  # fmt: skip
        plan = Plan.of(order)
        if plan.path.exists() and not again:
            out.print(f"Already run, so the record is shown; --again runs it anew: {plan.path}")
        else:
            title = (
                f"{plan.task.spec}  {plan.setup.model}  {plan.exits.spec}  seed {seed}  on {plan.device.type}"
            )
            with Shown(out, title) as shown:
                run_one(order, shown, again=again)
        _show(plan.path, plan.parent())


def _show(path: Path, parent: Path | None) -> None:
    from bench.record import load
    from bench.tables import curves_table, cuts_table, exits_table

    record = load(path)
    dense = load(parent) if parent is not None and parent != path else None
    for table in (exits_table(record, dense), cuts_table(record), curves_table(record)):
        out.print(table)
    for name in ("disconnected layers", "counters differ"):
        if name in record.notes:
            out.print(f"Note, {name}: {record.notes[name]}", style="yellow")
    for name, why in record.absent.items():
        out.print(f"No {name}: {why}.", style="dim")
    if dense is None and record.setup.method.name != "dense":
        out.print(
            f"No ratio to the dense parent yet: run MODEL='{record.setup.backbone.spec}_dense' with the same settings.",
            style="dim",
        )  # fmt: skip
    out.print(f"record: {path}", soft_wrap=True)


@app.command(name="list")
def list_(
    kind: Annotated[str | None, typer.Argument(help=f"one of {', '.join(KINDS)}")] = None,
    debug: DebugOption = False,
) -> None:
    """Show every plugin there is, with its settings, their defaults and what they mean."""
    from bench.card import cards

    if kind is not None and kind not in KINDS:
        raise SeesawError(f"There is no kind {kind!r}{near(kind, KINDS)} The kinds are {', '.join(KINDS)}.")
    for one in KINDS if kind is None else (kind,):
        table = Table(
            title=one, title_justify="left", title_style="bold", show_header=False, box=None, padding=(0, 2)
        )
        for card in cards(one):
            table.add_row(Text(card.name, style="green"), card.trouble or card.line)
            for setting in card.settings:
                table.add_row("", f"  {setting.name}={setting.default}  {setting.meaning}", style="dim")
        out.print(table)


@app.command()
def check(
    spec: Annotated[str, typer.Argument(help="an announced name, or a draft: path/to/file.py:Class")],
    kind: Annotated[str | None, typer.Option(help="where a name stands for several kinds")] = None,
    data: DataOption = Path("data"),
    debug: DebugOption = False,
) -> None:
    """Check that a plugin holds to its kind's contract."""
    import bench
    from bench.plugin import choose
    from bench.testing import check as conform

    bases = {"exits": "Exits"} | {one: one.capitalize() for one in KINDS if one != "exits"}
    if kind is None:
        kind = _kind_of(spec)
    if kind not in bases:
        raise SeesawError(f"There is no kind {kind!r}{near(kind, KINDS)} The kinds are {', '.join(KINDS)}.")
    choice = choose(getattr(bench, bases[kind]), spec)
    for fact in conform(choice.plugin, data):
        out.print(f"ok {fact}")
    out.print(f"{choice.spec} conforms ({kind}, {choice.origin}).")


def _kind_of(spec: str) -> str:
    """The one kind that announces this name, or that a draft's class derives from."""
    name = parse(spec).name
    if ":" in name:
        import bench
        from bench.plugin import choose

        return choose(bench.Plugin, spec).plugin.kind
    kinds = [kind for kind in KINDS if name in entries(kind)]
    if len(kinds) == 1:
        return kinds[0]
    if not kinds:
        known = [other for kind in KINDS for other in entries(kind)]
        raise SeesawError(f"No plugin is called {name!r}{near(name, known)} `seesaw list` shows all.")
    raise SeesawError(f"{name!r} is a {' and a '.join(kinds)}. Say which: --kind {kinds[0]}.")


@app.command()
def board(
    records: RecordsOption = Path("leaderboards/records"),
    pages: Annotated[Path, typer.Option(help="folder for the pages")] = Path("leaderboards"),
    debug: DebugOption = False,
) -> None:
    """Write the pages of all boards from the records."""
    from bench.board.markdown import write_pages

    written, trouble = write_pages(records, pages)
    for path in written:
        out.print(str(path))
    for sentence in trouble:
        out.print(f"Left out: {sentence}", style="yellow")


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help=f"one of {', '.join(KINDS)}")],
    name: Annotated[str, typer.Argument(help="as specs will say it: small letters, digits and hyphens")],
    debug: DebugOption = False,
) -> None:
    """Write a skeleton plugin and its test, and announce it in pyproject.toml."""
    from bench.new import write

    for line in write(kind, name, Path()):
        out.print(line)


def _specs(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in split(text, ",") if part.strip())


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
        if any(number < 0 for number in numbers):
            raise ValueError(text)
    except ValueError as error:
        raise SeesawError(
            f"{text!r} is no list of seeds. Write whole numbers from 0, joined by commas: 0,1,2."
        ) from error
    return numbers


def _setting(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals:
        raise SeesawError(f"--set {word!r} sets nothing. Write --set key=value, for example --set lr=0.05.")
    return key, value


def main() -> None:
    """Run the command line; an error is one sentence and a non-zero exit."""
    debug = "--debug" in sys.argv
    try:
        app()
    except SeesawError as error:
        if debug:
            raise
        _fail(str(error), 1)
    except KeyboardInterrupt:
        _fail("Stopped.", 130)
    except Exception as error:
        if debug or "PYTEST_CURRENT_TEST" in os.environ:
            raise
        _fail(
            f"{type(error).__name__}: {error}. This is a fault in Seesaw or a plugin: --debug shows where.", 2
        )


def _fail(sentence: str, code: int) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"seesaw: {sentence}", style="red", markup=False
    )
    sys.exit(code)
