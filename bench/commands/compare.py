"""seesaw compare: a whole grid of cells, on parallel workers, ending in the board."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError
from bench.plugins.names import check_names
from bench.runs.densities import hold_densities
from bench.runs.sweeps.places import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.runs.request import ResolvedRun
    from bench.runs.workers import News

METHODS = "dense,sparse[nearest=true],pruned,pruned[layers=uniform],random,random[layers=uniform],narrow"
DENSITIES = "0.5,0.25,0.125,0.0625,0.03125"
"""The usual cells: references for any method, to where accuracy collapses (Blalock et al., MLSys 2020)."""


@options.with_options
def compare(
    run_options: options.RunOptions,
    backbones: options.Specs = "mlp",
    methods: options.Specs = METHODS,
    densities: Annotated[
        str, typer.Option(help="of every method that has one, joined by commas")
    ] = DENSITIES,
    seeds: options.Seeds = "0,1,2",
    workers: Annotated[int, typer.Option(min=1, help="cells at once")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="of each worker; an equal part of the cores where left out")
    ] = None,
    on: Annotated[
        str,
        typer.Option(
            help="where cells run: local, or machines by ray\\[address=,workers=,...] or slurm\\[workers=,partition=,...]"
        ),
    ] = "local",
    pages: options.Pages = None,
    measure: options.Measure = False,
    deterministic: options.Deterministic = False,
    debug: options.Debug = False,
) -> None:
    """Run every combination of backbones, methods, densities and seeds on a task, and show its table.

    Records go to results/records, which git does not track, and their pages to results; with --publish to leaderboards.

    A cell that has a record is not run again (with --measure it is measured again), one that was stopped goes on,
    one that fails is reported while the others go on. The same command finishes the cells that are left.

    With --on, cells run on the workers of a Ray cluster or of Slurm's jobs, on any number of machines. Their records and runs
    come to the folders here; sweep.html beside the pages shows how far they are.

    Examples:
      seesaw compare --task digits --backbones mlp,lenet --seeds 0,1,2 --workers 2

      seesaw compare --task mnist --methods 'dense,sparse\\[nearest=true],pruned' --densities 0.5,0.1,0.03

      seesaw compare --task mnist --on 'ray\\[address=auto,workers=10,cpus=4]'

      seesaw compare --task mnist --on 'slurm\\[workers=10,partition=gpu,gpus=1]'
    """
    run_options.check_names()
    check_names("backbone", options.words(backbones))
    check_names("method", options.words(methods))
    hold_densities(options.words(densities))
    every_seed = options.numbers(seeds)
    if run_options.nodes > 1:
        raise SeesawError(
            "A cell that trains on several nodes is started on each of them: seesaw run --nodes. Leave --nodes out here."
        )
    place = place_of(on)
    if place is not None and workers > 1:
        raise SeesawError(
            "--workers are this machine's. With --on they are a setting of it: ray[workers=10]."
        )
    with out.status("Loading PyTorch ..."):
        from bench.records.record import is_record
        from bench.runs.grid import grid
        from bench.runs.request import ResolvedRun
        from bench.runs.sweeps.sweep import hold_installed, run_elsewhere
        from bench.runs.workers import work_off

    if place is not None:
        hold_installed(place)
    cells = grid(
        run_options.request("", neighbours=workers > 1, timing_threads=threads or 1),
        options.words(backbones),
        options.words(methods),
        options.words(densities),
        every_seed,
    )
    runs = [ResolvedRun.of(cell) for cell in cells]
    run_options.hold_cut(runs)
    done = [run for run in runs if run.is_done and is_record(run.path)]
    left = runs if measure else [run for run in runs if run not in done]
    out.print(
        f"{run_options.task}: {len(runs)} cells, {len(done)} have a record, {len(left)} to {'measure' if measure else 'run'}.",
        style="bold",
    )
    requests = [run.request for run in left]
    if place is None:
        own = threads or max(1, (os.cpu_count() or 1) // workers)
        every = work_off(requests, workers, own, deterministic=deterministic, measure=measure)
    else:
        every = run_elsewhere(place, requests, threads, deterministic=deterministic, measure=measure)
    folder = pages or runs[0].store.records.parent
    follows = place is not None and bool(left)
    page = (run_options.runs if run_options.publish else folder) / "sweep.html" if follows else None
    failed = _follow(left, every, run_options.task, page)
    _show_grid(runs, folder)
    for name, reason in failed:
        out.print(f"Failed: {name}: {reason}", style="red", soft_wrap=True)
    if failed:
        raise SeesawError(
            f"{len(failed)} of {len(cells)} cells failed. Mend what they name, then run the same command."
        )


def _follow(
    runs: list[ResolvedRun], every: Iterable[News], task: str, page: Path | None
) -> list[tuple[str, str]]:
    """Show how far the cells are as their news come in, on a page too where one is named.

    Returns:
        The name of each that failed, and the reason.
    """
    from bench.runs.progress import Cells
    from bench.runs.sweeps.page import SweepPage

    if not runs:
        return []
    failed: list[tuple[str, str]] = []
    begun = time.monotonic()
    names = [f"{run.setup.model_at_density} seed {run.seed}" for run in runs]
    with Cells(out, names) as progress:
        show: list[Callable[[News], None]] = [progress]
        if page is not None:
            show.append(sweep := SweepPage(page, names, task))
            sweep.write()
            out.print(f"Progress: {sweep.path}", soft_wrap=True)
        for news in every:
            for one in show:
                one(news)
            if news.kind == "failed":
                failed.append((names[news.number], news.line))
    out.print(f"{len(runs) - len(failed)} cells run in {(time.monotonic() - begun) / 60:.1f} min.")
    return failed


def _show_grid(runs: list[ResolvedRun], pages: Path) -> None:
    """Print the rows of these cells alone, then where the whole board is that they stand on; write and mirror it."""
    from bench.boards.board import read_boards
    from bench.boards.pages import write_pages
    from bench.boards.show.terminal import board_table
    from bench.boards.show.wandb import plain_rows
    from bench.records.mirror import leaderboard
    from bench.records.setup import board_of

    store = runs[0].store
    boards, _ = read_boards(store)
    board = boards.get(board_of(runs[0].setup))
    if board is not None:
        cells = {run.setup.digest() for run in runs}
        field = board.newest(cells)
        lines = [line for line in field.lines if line.row.setup.digest() in cells]
        out.print(board_table(board, field, lines))
        leaderboard(board.name, *plain_rows(board), store.runs)
    _, trouble = write_pages(store, pages)
    if board is not None:
        out.print(f"The whole board: {pages / board.name}.md, and {pages / 'index.html'}", soft_wrap=True)
    for sentence in trouble:
        out.print(f"Left out: {sentence}", style="yellow", soft_wrap=True)
