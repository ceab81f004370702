"""seesaw compare: a whole grid of cells, on parallel workers, ending in the board."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError

METHODS = "dense,sparse[nearest=true],pruned,pruned[layers=uniform],random,random[layers=uniform],narrow"
DENSITIES = "0.5,0.25,0.125,0.0625,0.03125"
"""What any method must be held against, down to where accuracy collapses (Blalock et al., MLSys 2020)."""


def compare(
    task: options.TaskSpec = "digits",
    backbones: options.Specs = "mlp",
    methods: options.Specs = METHODS,
    densities: Annotated[
        str, typer.Option(help="of every method that has one, joined by commas")
    ] = DENSITIES,
    seeds: options.Seeds = "0,1,2",
    workers: Annotated[int, typer.Option(min=1, help="cells at once")] = 1,
    exits: options.ExitsSpec = "joint",
    policies: options.Specs = options.POLICIES,
    codecs: options.Specs = options.CODECS,
    meters: options.Specs = options.METERS,
    epochs: options.Epochs = None,
    set_: options.Set = None,
    device: options.Device = "auto",
    cut: options.Cut = None,
    values: options.Values = "float32",
    lean: options.Lean = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="of each worker; an equal part of the cores where left out")
    ] = None,
    data: options.DataSets = options.DATA,
    records: options.Records = options.RECORDS,
    runs: options.Runs = options.RUNS,
    pages: options.Pages = None,
    measure: options.Measure = False,
    deterministic: options.Deterministic = False,
    debug: options.Debug = False,
) -> None:
    """Run every combination of backbones, methods, densities and seeds on a task, and show the board.

    A cell that has a record is not run again, one that was stopped goes on, one that fails is reported while the
    others go on. The same command finishes what is left.

    Examples:
      seesaw compare --task digits --backbones mlp,lenet --seeds 0,1,2 --workers 2

      seesaw compare --task mnist --methods 'dense,sparse\\[nearest=true],pruned' --densities 0.5,0.1,0.03
    """
    with out.status("Loading PyTorch ..."):
        from bench.boards.pages import write_pages
        from bench.boards.rows import read, rows
        from bench.boards.show.terminal import board_columns, board_rows, board_table
        from bench.records.mirror import leaderboard
        from bench.records.record import board_of, is_record
        from bench.runs.grid import grid
        from bench.runs.progress import Cells
        from bench.runs.request import Order, Plan
        from bench.runs.workers import work_off

    base = Order(
        task, "", exits, options.words(policies), options.words(codecs), options.words(meters), 0,
        options.recipe(set_, epochs), device, None, cut, values, lean, data, records, runs, workers > 1,
    )  # fmt: skip
    cells = grid(
        base,
        options.words(backbones),
        options.words(methods),
        options.words(densities),
        options.numbers(seeds),
    )
    plans = [Plan.of(cell) for cell in cells]
    open_ = [plan for plan in plans if measure or not is_record(plan.path)]
    out.print(
        f"{task}: {len(cells)} cells, {len(cells) - len(open_)} have a record, {len(open_)} to run.",
        style="bold",
    )
    threads = threads or max(1, (os.cpu_count() or 1) // workers)
    failed: list[tuple[Plan, str]] = []
    begun = time.monotonic()
    with Cells(out, [f"{plan.setup.model} seed {plan.order.seed}" for plan in open_]) as shown:
        for news in work_off(
            [plan.order for plan in open_], workers, threads, deterministic=deterministic, measure=measure
        ):
            shown(news)
            if news.kind == "failed":
                failed.append((open_[news.order], news.line))
    if open_:
        out.print(f"{len(open_) - len(failed)} cells run in {(time.monotonic() - begun) / 60:.1f} min.")
    entries, _ = read(records)
    board = board_of(plans[0].setup)
    if found := rows(entries).get(board):
        out.print(board_table(board, found))
        leaderboard(board, board_columns(), board_rows(found), runs)
    written, trouble = write_pages(records, pages or records.parent)
    for path in written:
        out.print(str(path), soft_wrap=True)
    for sentence in trouble:
        out.print(f"Left out: {sentence}", style="yellow", soft_wrap=True)
    for plan, why in failed:
        out.print(f"Failed: {plan.setup.model} seed {plan.order.seed}: {why}", style="red", soft_wrap=True)
    if failed:
        raise SeesawError(
            f"{len(failed)} of {len(cells)} cells failed. Mend what they name, then run the same command."
        )
