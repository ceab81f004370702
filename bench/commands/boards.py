"""seesaw board, plot and publish: pages, figures and reports from records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError, counted
from bench.files import PUBLISHED
from bench.plugins.spec import near

if TYPE_CHECKING:
    from bench.boards.board import Board, Field


def board(
    records: options.Records = PUBLISHED,
    pages: options.Pages = None,
    check: Annotated[bool, typer.Option("--check", help="write nothing; fail if a page is stale")] = False,
    debug: options.Debug = False,
) -> None:
    """Write the pages of all boards from the records: Markdown, and index.html to look at in a browser."""
    from bench.boards.extracts import collect_rarely
    from bench.boards.pages import stale, write_pages
    from bench.records.store import Store

    collect_rarely()
    pages, store = pages or records.parent, Store(records)
    if check:
        old, trouble = stale(store, pages)
        if trouble:
            raise SeesawError(f"Not every file stands on a page: {' '.join(trouble)}")
        if old:
            raise SeesawError(
                f"{', '.join(str(path) for path in old)} {'is' if len(old) == 1 else 'are'} not what the records give. "
                "Run `make board`, and commit the pages with the records."
            )
        out.print("Every page is what the records give.")
        return
    remarks: list[str] = []
    written, trouble = write_pages(store, pages, remarks.append)
    blocks = [path for path in written if path.parent != pages]
    for path in written:
        if path.parent == pages:
            out.print(str(path), soft_wrap=True)
    if blocks:
        folder = blocks[0].parent
        out.print(
            f"{folder}: {counted(len(blocks), 'file')} that index.html loads from beside it", soft_wrap=True
        )
    for sentence in trouble:
        out.print(f"Left out: {sentence}", style="yellow", soft_wrap=True)
    for sentence in remarks:
        out.print(sentence, soft_wrap=True)


def plot(
    task: Annotated[
        str, typer.Option(help="board: a task, with or without its version, digits-v1")
    ] = "digits",
    x: Annotated[
        str, typer.Option(help="axis across: macs, macs.effective, bytes, latency, payload, training, ...")
    ] = "macs.effective",
    y: Annotated[str, typer.Option(help="axis up: accuracy, top5, ...")] = "accuracy",
    out_: Annotated[Path | None, typer.Option("--out", help="file to write, .png, .svg or .pdf")] = None,
    backbones: Annotated[str, typer.Option(help="only these, specs joined by commas")] = "",
    methods: Annotated[str, typer.Option(help="only these, names joined by commas")] = "",
    training: Annotated[
        str, typer.Option(help="only networks of this recipe, '4 epochs'; left out: that of most")
    ] = "",
    machine: Annotated[
        str, typer.Option(help="only times of this machine, 'AMD EPYC'; left out: that of most")
    ] = "",
    width: Annotated[
        float | None,
        typer.Option(help="inches as printed, 3.3 for one column of a paper; left out: a page's text"),
    ] = None,
    records: options.Records = PUBLISHED,
    debug: options.Debug = False,
) -> None:
    """Draw a board's trade-off for a paper, with 95% intervals; the caption has task version and n."""
    from bench.boards.show.figure import figure
    from bench.boards.styles import styles

    boards = _boards(records)
    board = _one(boards, records, task)
    field = _field(board, training, machine)
    wanted = options.words(backbones), options.words(methods)
    lines = [
        line
        for line in field.lines
        if (not wanted[0] or line.row.setup.backbone.label in wanted[0])
        and (not wanted[1] or line.row.setup.method.name in wanted[1])
    ]
    looks = styles(row for one in boards.values() for row in one.rows)
    path = figure(board, field, lines, x, y, out_ or Path(f"{board.name}-{y}-{x}.png"), looks, width)
    out.print(str(path), soft_wrap=True)


def publish(
    task: Annotated[
        str, typer.Option(help="board: a task, with or without its version, digits-v1")
    ] = "digits",
    project: Annotated[str | None, typer.Option(help="W&B project, entity/name or name")] = None,
    records: options.Records = PUBLISHED,
    runs: options.Runs = options.RUNS,
    debug: options.Debug = False,
) -> None:
    """Publish a board as a Weights & Biases report: its leaderboard table and its plots, with your key."""
    from bench.boards.show.wandb import publish as send

    out.print(send(_one(_boards(records), records, task), project, runs), soft_wrap=True)


def _boards(records: Path) -> dict[str, Board]:
    """The boards that have uncontested records, by name."""
    from bench.boards.board import read_boards
    from bench.records.store import Store

    return {
        name: board
        for name, board in read_boards(Store(records))[0].items()
        if any(row.seeds for row in board.rows)
    }


def _field(board: Board, training: str, machine: str) -> Field:
    """The usual field of a board, or the first of a recipe and a machine whose names begin so."""
    for field in board.fields:
        if field.peers.recipe.startswith(training) and field.peers.machine.startswith(machine):
            return field
    names = "; ".join(field.peers.name for field in board.fields)
    raise SeesawError(
        f"No network on {board.name} was trained for {training or 'any recipe'!r} and timed on {machine or 'any machine'!r}. "
        f"There are {names}: name one of them with --training and --machine."
    )


def _one(boards: dict[str, Board], records: Path, task: str) -> Board:
    """The newest board of a task, or the one that is named with its version."""
    from bench.records.setup import task_and_version

    specs = {name: board.rows[0].setup.task.label for name, board in boards.items()}
    candidates = [name for name in boards if task in (name, *task_and_version(name)[:1], specs[name])]
    if not candidates:
        raise SeesawError(
            f"No record below {records} is of a task {task!r}{near(task, boards)} Run some, or name one of "
            f"{', '.join(boards) or 'none yet'}."
        )
    candidates = [name for name in candidates if specs[name] == task] or candidates
    return boards[max(candidates, key=lambda board: task_and_version(board)[1:])]
