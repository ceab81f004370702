"""seesaw run: one model, one record a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError


def run(
    task: options.TaskSpec = "digits",
    model: Annotated[str, typer.Option(help="backbone_method")] = "resnet_sparse",
    exits: options.ExitsSpec = "joint",
    policies: options.Specs = options.POLICIES,
    codecs: options.Specs = options.CODECS,
    meters: options.Specs = options.METERS,
    seeds: options.Seeds = "0",
    epochs: options.Epochs = None,
    set_: options.Set = None,
    device: options.Device = "auto",
    weights: Annotated[Path | None, typer.Option(help="safetensors or state dict to start from")] = None,
    cut: options.Cut = None,
    values: options.Values = "float32",
    lean: options.Lean = False,
    threads: options.Threads = None,
    data: options.DataSets = options.DATA,
    records: options.Records = options.RECORDS,
    runs: options.Runs = options.RUNS,
    again: Annotated[
        bool, typer.Option("--again", help="run from the beginning, and replace the record if there is one")
    ] = False,
    measure: options.Measure = False,
    deterministic: options.Deterministic = False,
    debug: options.Debug = False,
) -> None:
    """Train a network, measure it, and write its record.

    Prints a table of exits (MACs, parameters, packed bytes, accuracy, latency, energy) and a table of cuts
    (the device's part, payload per codec, accuracy behind it). What has a record already is shown, not run; a run
    that was stopped goes on after its last finished epoch; what was trained before and measured otherwise (with
    fewer codecs, say) is not trained again. Every run is mirrored to Weights & Biases: online when
    logged in, offline otherwise (`wandb sync` later), not at all with WANDB_MODE=disabled.

    Examples:
      seesaw run --task cifar100 --model 'resnet\\[depth=32]_pruned\\[density=0.1]' --seeds 0,1,2

      seesaw run --task mnist --model mlp --exits single --epochs 2

      seesaw run --task cifar10 --model resnet --weights resnet20.pt --epochs 0 --exits single

      seesaw run --task digits --model 'lenet_sparse\\[where=device]' --cut 2
    """
    with out.status("Loading PyTorch ..."):
        from bench.machine import settle
        from bench.runs.progress import Shown
        from bench.runs.request import Order, Plan
        from bench.runs.run import run as run_one

    settle(threads, deterministic=deterministic)
    recipe = options.recipe(set_, epochs)
    for seed in options.numbers(seeds):
        order = Order(
            task, model, exits, options.words(policies), options.words(codecs), options.words(meters),
            seed, recipe, device, weights, cut, values, lean, data, records, runs,
        )  # fmt: skip
        plan = Plan.of(order)
        unfinished = (plan.folder() / "again").exists()
        if plan.path.exists() and not again and not measure and not unfinished:
            out.print(f"Already run, so the record is shown; --again runs it anew: {plan.path}")
        else:
            title = (
                f"{plan.task.spec}  {plan.setup.model}  {plan.exits.spec}  seed {seed}  on {plan.device.type}"
            )
            with Shown(out, title) as shown:
                run_one(order, shown, again=again, measure=measure)
        show_record(plan.path, plan.parent())


def show_record(path: Path, parent: Path | None) -> None:
    """Print a record's tables, with the ratios to its dense parent's where there is one."""
    from bench.boards.show.policies import answers_table, curves_table, early_table, walks_table
    from bench.boards.show.record import cuts_table, exits_table
    from bench.records.record import load
    from bench.runs.request import DENSE

    record = load(path)
    dense = None
    if parent is not None and parent != path:
        try:
            dense = load(parent)
        except SeesawError as error:
            out.print(f"The dense parent's record is left out: {error}", style="yellow", soft_wrap=True)
    made = (cuts_table, answers_table, curves_table, walks_table, early_table)
    for table in (exits_table(record, dense), *(make(record) for make in made)):
        if table is not None:
            out.print(table)
    for name in ("disconnected layers", "exits that answer alike whatever the input", "counters differ"):
        if name in record.notes:
            out.print(f"Note, {name}: {record.notes[name]}", style="yellow")
    for name, why in record.absent.items():
        out.print(f"No {name}: {why}.", style="dim")
    if dense is None and (record.setup.method.name != DENSE or record.setup.values is not None):
        out.print(
            f"To see accuracy and size beside the dense parent's, run MODEL='{record.setup.backbone.spec}_dense' alike.",
            style="dim",
        )  # fmt: skip
    out.print(f"record: {path}", soft_wrap=True)
