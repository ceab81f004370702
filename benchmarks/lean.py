"""Training steps on the weights that exist, against dense and masked training: medians, interleaved in one process.

    python benchmarks/lean.py [--threads 1,2] [--rounds 15] [--batch 32] [--density 0.125] [--only group]

A step is the forward pass, both gradients, and the update with momentum. Masked training is what `seesaw run` does without
`--lean`: the dense step, and the gradient of hidden weights set to zero. Images lie channels last, as Seesaw trains
them. "By" is the product that was measured to be fastest for that layer here. "State" is what the optimiser keeps, over
what it keeps of the dense layer.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from bench import (
    Backbone,
    Method,
    Net,
    PackedConv,
    PackedLinear,
    Sample,
    choose,
    fastest_product,
    hide,
    lean_layers,
    mask_from,
    masked,
    why_no_kernels,
)
from bench.execution.lean.lean import products_of
from bench.execution.lean.linear import fastest_linear
from bench.machine import settle

SEED = type("Seed", (), {"seed": 0, "device": torch.device("cpu"), "cut": None})()
PATTERNS = {
    "shared": "shared[density={},outputs=16,nearest=true]", "group": "group[density={},nearest=true]",
    "block": "block[density={},size=8,nearest=true]", "kernel": "kernel[density={},nearest=true]",
    "sparse": "sparse[density={},nearest=true]", "random": "random[density={}]",
}  # fmt: skip
CONVOLUTIONS = ((64, 3, 32), (128, 3, 16), (256, 3, 8), (512, 3, 4), (256, 1, 16))
"""Channels in and out, kernel, and height and width of the images."""


@dataclass
class Job:
    """One line of the table: a step in three ways, and how the last one is computed."""

    name: str
    dense: Callable[[], None]
    masked: Callable[[], None]
    lean: Callable[[], None]
    by: str
    state: float
    open: ExitStack = field(default_factory=ExitStack)
    """what has to stay open until the job is measured"""


def step(module: nn.Module, x: Tensor, backs: list[Tensor], *, keep: bool = False) -> Callable[[], None]:
    """One step of training; with hidden weights kept at zero where that is asked for."""
    optimizer = torch.optim.SGD(module.parameters(), 1e-4, momentum=0.9, nesterov=True, fused=True)
    pairs = [(layer.weight, mask.float()) for _, layer, mask in masked(module)] if keep else []
    if keep and hasattr(module, "weight_mask"):
        pairs = [(module.get_parameter("weight"), module.get_buffer("weight_mask").float())]

    def run() -> None:
        optimizer.zero_grad()
        x.grad = None
        answers = module(x)
        torch.autograd.backward(answers if isinstance(answers, list) else [answers], backs)
        for weight, factor in pairs:
            assert weight.grad is not None
            weight.grad.mul_(factor)
        optimizer.step()

    return run


def layer_job(layer: nn.Linear | nn.Conv2d, x: Tensor, name: str, pattern: str, density: float) -> Job:
    """One layer."""
    dense, line = copy.deepcopy(layer), PATTERNS[pattern].format(density) + "@0"
    hide(layer, mask_from(line, layer.weight.shape), line)
    if isinstance(layer, nn.Linear):
        by = fastest_linear(layer, x.shape)
        packed = PackedLinear(layer, by)
    else:
        product = fastest_product(layer, x.shape)
        packed, by = PackedConv(layer, product), type(product).__name__.lower()
    back = [torch.randn_like(layer(x))]
    torch.testing.assert_close(packed(x), layer(x), rtol=1e-3, atol=1e-4)
    state = packed.values.numel() / layer.weight.numel()
    return Job(f"{name} {pattern}", step(dense, x, back), step(layer, x, back, keep=True), step(packed, x, back), by, state)  # fmt: skip


def linear(pattern: str, density: float) -> Job:
    """A linear layer of 1024 x 1024, batch 128."""
    x = torch.randn(128, 1024, requires_grad=True)
    return layer_job(nn.Linear(1024, 1024), x, "linear 1024x1024, batch 128,", pattern, density)


def conv(pattern: str, density: float, batch: int, width: int, kernel: int, side: int) -> Job:
    """A convolution with as many channels out as in."""
    layer = nn.Conv2d(width, width, kernel, padding=kernel // 2, bias=False).to(
        memory_format=torch.channels_last
    )
    x = torch.randn(batch, width, side, side).contiguous(memory_format=torch.channels_last).requires_grad_()
    name = f"{kernel}x{kernel} {width}@{side}x{side}, batch {batch},"
    return layer_job(layer, x, name, pattern, density)


def resnet18(pattern: str, density: float, batch: int) -> Job:
    """ResNet-18 for 32 x 32 with one exit."""
    backbone, sample = choose(Backbone, "resnet18").plugin, Sample((3, 32, 32))
    nets = []
    for _ in range(3):
        net = Net(backbone.stages(sample), sample, 10)
        net.hang(len(net.stages) - 1, backbone.head(net.shapes[-1], 10))
        nets.append(net)
    for net in nets[1:]:
        choose(Method, PATTERNS[pattern].format(density)).plugin.prepare(net, SEED)
    for net in nets:
        net.train().to(memory_format=torch.channels_last)
    x = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    back = [torch.randn(batch, 10) / batch]
    held = ExitStack()
    held.enter_context(lean_layers(nets[2], batch))
    by = set(products_of(nets[2]).values())
    state = sum(p.numel() for p in nets[2].parameters()) / sum(p.numel() for p in nets[0].parameters())
    runs = (step(nets[0], x, back), step(nets[1], x, back, keep=True), step(nets[2], x, back))
    return Job(f"resnet18, batch {batch}, {pattern}", *runs, ", ".join(sorted(by)), state, held)


def measure(job: Job, rounds: int) -> list[list[float]]:
    """Seconds of every round: dense, masked, lean."""
    times: list[list[float]] = [[], [], []]
    for number in range(rounds + 1):
        for run, taken in zip((job.dense, job.masked, job.lean), times, strict=True):
            begun = time.perf_counter()
            run()
            if number:
                taken.append(time.perf_counter() - begun)
    return times


def main() -> None:
    """Print a table for each number of threads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", default="1,2", help="numbers of threads, one table each")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--density", type=float, default=0.125)
    parser.add_argument("--only", default="", help="part of the names of jobs")
    words = parser.parse_args()
    jobs: list[tuple[str, Callable[[], Job]]] = []
    for pattern in PATTERNS:
        jobs.append((f"linear {pattern}", lambda p=pattern: linear(p, words.density)))
        for shape in CONVOLUTIONS:
            jobs.append(
                (f"conv {pattern}", lambda p=pattern, s=shape: conv(p, words.density, words.batch, *s))
            )
        jobs.append((f"resnet18 {pattern}", lambda p=pattern: resnet18(p, words.density, words.batch)))
    why_no_kernels()
    for threads in map(int, words.threads.split(",")):
        settle(threads)
        table = Table("step of training", title=f"{threads} threads, density {words.density:.1%}")
        for name in ("dense", "masked", "lean", "dense / lean (quartiles)", "masked / lean", "by", "state"):
            table.add_column(name, justify="right")
        for name, make in jobs:
            if words.only in name:
                torch.manual_seed(0)
                job = make()
                with job.open:
                    table.add_row(*cells(job, measure(job, words.rounds)))
        Console(width=150).print(table)


def cells(job: Job, times: list[list[float]]) -> list[str]:
    """One line of the table."""
    dense, held, lean = times
    low, middle, high = statistics.quantiles((a / b for a, b in zip(dense, lean, strict=True)), n=4)
    against = statistics.median(a / b for a, b in zip(held, lean, strict=True))
    medians = [f"{statistics.median(taken) * 1e3:.2f} ms" for taken in times]
    return [job.name, *medians, f"{middle:.2f} x ({low:.2f}-{high:.2f})", f"{against:.2f} x", job.by, f"{job.state:.3f}"]  # fmt: skip


if __name__ == "__main__":
    main()
