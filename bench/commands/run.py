"""seesaw run: one model, one record for each seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options
from bench.commands.early import hold_weights
from bench.commands.options import out
from bench.commands.records import print_file


@options.with_options
def run(
    run_options: options.RunOptions,
    model: Annotated[str, typer.Option(help="backbone_method")] = "resnet_sparse",
    seeds: options.Seeds = "0",
    weights: Annotated[
        Path | None,
        typer.Option(
            help="safetensors or state dict to start from; published ones were trained with a normalisation of their own: give "
            "it to the task, --task 'cifar10\\[mean=0.491:0.482:0.447,std=0.247:0.243:0.262]'"
        ),
    ] = None,
    threads: options.Threads = None,
    again: Annotated[
        bool, typer.Option("--again", help="run from the beginning, and replace the record if there is one")
    ] = False,
    measure: options.Measure = False,
    deterministic: options.Deterministic = False,
    debug: options.Debug = False,
) -> None:
    """Train a network, measure it, and write its record.

    Prints a table of exits (MACs, parameters, packed bytes, accuracy, latency, energy) and a table of cuts
    (the device's part, payload per codec, accuracy behind it). A run that has a record is only shown, unless
    --again or --measure is given; one that was stopped goes on after its last finished epoch; a network that
    was trained before and measured otherwise (with fewer codecs, say) is not trained again. Every run is
    mirrored to Weights & Biases: online when logged in, offline otherwise (`wandb sync` later), not at all with
    WANDB_MODE=disabled.

    Examples:
      seesaw run --task cifar100 --model 'resnet\\[depth=32]_pruned\\[density=0.1]' --seeds 0,1,2

      seesaw run --task mnist --model mlp --exits single --epochs 2

      seesaw run --task cifar10 --model resnet --weights resnet20.pt --epochs 0 --exits single --calibrate test

      seesaw run --task digits --model 'lenet_sparse\\[where=device]' --cut 2

      seesaw run --task cifar100 --model 'resnet\\[depth=32]_rigl' --devices 4 --precision bf16-mixed
    """
    run_options.check_names(model)
    hold_weights(weights)
    every_seed = options.numbers(seeds)
    with out.status("Loading PyTorch ..."):
        from bench.machine import settle
        from bench.runs.progress import RunProgress
        from bench.runs.ranks import Node
        from bench.runs.request import ResolvedRun

    settle(threads, deterministic=deterministic)
    for seed in every_seed:
        one = ResolvedRun.of(
            run_options.request(model, seed=seed, weights=weights, timing_threads=threads or 1)
        )
        run_options.hold_cut([one])
        if node := Node.of(one.layout).number:
            out.print(f"{one.title}: node {node} trains along; node 0 measures, and writes the record.")
            from bench.runs.run import follow

            follow(one)
            continue
        if one.is_done and not again and not measure:
            record = None
            out.print(f"Already run, so the record is shown; --again runs it anew: {one.path}")
        else:
            with RunProgress(out, one.title) as progress:
                from bench.runs.run import run as run_one  # seconds: Lightning and what it brings

                record = run_one(one, progress, again=again, measure=measure)
        print_file(one.path, one.store, record)
        out.print(f"Next: seesaw show {one.path} --all", style="dim", soft_wrap=True)
