"""seesaw run-exits: early exits really taken, with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.commands import options
from bench.commands.early import hold_packed
from bench.commands.options import out


def run_exits(
    folder: Annotated[Path, typer.Argument(help="that `seesaw pack --by-exit --onnx` wrote")],
    policy: Annotated[str, typer.Option(help="spec of a policy of the run")] = "confidence",
    batch: Annotated[int, typer.Option(min=1, help="samples at a time; those that stay go on together")] = 1,
    samples: Annotated[int, typer.Option(min=1, help="of the test split, from its first")] = 1000,
    clock: Annotated[int, typer.Option(min=1, help="of these samples, how many are timed")] = 256,
    threads: Annotated[int, typer.Option(min=1, help="of ONNX Runtime")] = 1,
    data: options.DataSets = options.DATA,
    debug: options.Debug = False,
) -> None:
    """Run a packed network from exit to exit with ONNX Runtime; a sample that leaves is run no further.

    Each sample leaves where the policy decides, at the operating point at which one would ship it: cheapest on
    the calibration split within half a point of its best accuracy there. Prints how many samples left at each
    exit and how many of them rightly, whether replay has them leave there too, and the time of a sample beside
    that of going on to the end.

    Examples:
      seesaw pack resnet_sparse --by-exit --onnx --out shipped

      seesaw run-exits shipped --policy patience --batch 8
    """
    hold_packed(folder)
    with out.status("Loading PyTorch and ONNX Runtime ..."):
        import torch

        from bench.boards.units import seconds
        from bench.kinds.task import Task, data_of
        from bench.machine import settle
        from bench.network.pretrained import without_hub
        from bench.plugins.plugin import choose
        from bench.shipping.manifest import announced
        from bench.shipping.onnx import open_exits

    settle(threads, deterministic=False)
    exits = open_exits(folder, policy, threads)
    manifest = exits.manifest
    announced(manifest.task)
    with out.status("Running ..."), without_hub():
        split = data_of(choose(Task, manifest.task).plugin, manifest.inputs, data, manifest.seed)
        x, labels = split.scale(split.test.inputs[:samples]), split.test.labels[:samples]
        walks = [exits(one) for one in x.split(batch)]
        left = torch.cat([one.exits for one in walks])
        right = torch.cat([one.logits for one in walks]).argmax(1) == labels
        differing = int((left != torch.cat([exits.expected(one) for one in x.split(500)])).sum())
        full = torch.cat([exits.whole(one)[-1] for one in x.split(500)]).argmax(1) == labels
        taken, whole = exits.clock(x[:clock], batch)
    table = Table(
        "exit", "left here", "of all", "rightly", title=f"{manifest.backbone}_{manifest.method} on {manifest.task}, {policy}, "
        f"{len(x)} test samples in batches of {batch}", title_justify="left", title_style="bold", box=SIMPLE_HEAD,
    )  # fmt: skip
    for number in range(len(exits.stretches)):
        here = left == number
        rightly = f"{float(right[here].double().mean()):.2%}" if bool(here.any()) else "-"
        table.add_row(str(number), str(int(here.sum())), f"{float(here.double().mean()):.1%}", rightly)
    out.print(table)
    out.print(
        f"accuracy {float(right.double().mean()):.2%}; where nobody leaves, {float(full.double().mean()):.2%}\n"
        f"a sample takes {seconds(taken.value)}, and {seconds(whole.value)} where nobody leaves: "
        f"{whole.value / taken.value:.2f} x as fast ({taken.source})\n"
        f"replay of the same files has {'all' if not differing else f'all but {differing}'} of them leave at the same exits"
    )
