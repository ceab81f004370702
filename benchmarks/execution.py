"""Sparse networks on the clock: packed execution and training against dense PyTorch, interleaved in one process.

    python benchmarks/execution.py [--threads 1,2] [--rounds 30]

Dense is the faster of `F.linear` and its feature-major form for a layer, and of PyTorch's two layouts of images for a
network. "Of that, sparsity" is the same engine on the dense network over ours: what the engine alone gains is the rest.
"Limit" is the roofline: dense time over the time that this machine's measured ceilings leave for the MACs and
the bytes of the packed network.
"""

import argparse
import copy
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from bench import Backbone, Method, Net, Sample, hide, mask_from, mask_of, pack
from bench.engine import native
from bench.engine.chain import chain_of
from bench.engine.linear import PackedLinear
from bench.engine.ways import BLOCKS
from bench.plugin import choose
from bench.sparse.mask import layers, parameters

SEED = type("Seed", (), {"seed": 0, "device": torch.device("cpu")})()
CACHED = 1 << 20
"""Bytes that are taken to stay in a core's cache."""
SHORT = 1e-3
"""Seconds that a form is called again and again for one timing, after one call that nobody times."""
SHARED, DIAGONAL, DEGREE = "shared[{},outputs=16]", "diagonal[{}]", "sparse[{}]"


@dataclass
class Job:
    """One line of the table: what is timed, and what it must reach."""

    name: str
    target: float
    dense: list[Callable[[], object]]
    ours: list[Callable[[], object]]
    whole: list[Callable[[], object]]
    """the dense network as chains; none where there is no such thing"""
    macs: float
    bytes: float
    error: float


@dataclass
class Ceilings:
    """What this machine can do: MACs a second, and bytes a second from a core's cache and from memory."""

    macs: float
    cache: float
    memory: float

    def seconds(self, job: Job) -> float:
        """The least time for a job."""
        return max(job.macs / self.macs, job.bytes / (self.cache if job.bytes < CACHED else self.memory))


def best(run: Callable[[], object], rounds: int = 15) -> float:
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times)


def ceilings() -> Ceilings:
    """Measured now, with this process's threads."""
    a, b, out = torch.randn(768, 768), torch.randn(768, 768), torch.empty(768, 768)
    small, large = torch.ones(1 << 16), torch.ones(1 << 25)
    return Ceilings(
        768**3 / best(lambda: torch.mm(a, b, out=out)),
        100 * small.nbytes / best(lambda: [small.sum() for _ in range(100)]),
        large.nbytes / best(large.sum, 5),
    )


def chains(module: nn.Module, run: Callable[[Tensor], list[Tensor]], x: Tensor) -> list[Callable[[], object]]:
    """A module as chains, of all widths of blocks that a batch admits."""
    widths = [1] if len(x) < BLOCKS[0] / 2 else [n for n in BLOCKS if n <= len(x)]
    made = [chain_of(module, run, x[:1], lanes) for lanes in widths]
    return [lambda chain=chain: chain(x) for chain in made]


def off(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, relative to the largest number."""
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).abs().max() / theirs.abs().max())


def linear(pattern: str, density: float, batch: int, target: float) -> Job:
    """One layer of 1024 x 1024."""
    layer, line = nn.Linear(1024, 1024), pattern.format(f"density={density},nearest=true") + "@0"
    parent = copy.deepcopy(layer)
    hide(layer, mask_from(line, (1024, 1024)), line)
    x = torch.randn(batch, 1024)
    turned, weight, bias = x.t().contiguous(), layer.weight.detach(), layer.bias.detach()
    ours = chains(layer, lambda inputs: [layer(inputs)], x)
    weights = int(layer.weight_mask.sum())
    return Job(
        f"linear 1024x1024, batch {batch}, {pattern.partition('[')[0]}, {density:.1%}",
        target,
        [lambda: layer(x), lambda: torch.addmm(bias[:, None], weight, turned)],
        ours,
        chains(parent, lambda inputs: [parent(inputs)], x),
        weights * batch,
        4 * (weights + 2 * 1024 * batch),
        off(ours[0]()[0], layer(x)),
    )


def training(density: float, target: float) -> Job:
    """Forward, both gradients and the update of a layer of 1024 x 1024, batch 128."""
    line = SHARED.format(f"density={density},nearest=true") + "@0"
    layer = nn.Linear(1024, 1024)
    hide(layer, mask_from(line, (1024, 1024)), line)
    packed, x, back = PackedLinear(layer), torch.randn(128, 1024, requires_grad=True), torch.randn(128, 1024)
    error = off(packed(x), layer(x))

    def step(module: nn.Module) -> Callable[[], object]:
        optimizer = torch.optim.SGD(module.parameters(), 1e-3, momentum=0.9)

        def run() -> None:
            optimizer.zero_grad()
            x.grad = None
            module(x).backward(back)
            optimizer.step()

        return run

    weights = packed.values.numel()
    return Job(
        f"training step 1024x1024, batch 128, shared, {density:.1%}",
        target,
        [step(layer)],
        [step(packed)],
        [],
        3 * weights * 128,
        4 * (7 * weights + 6 * 1024 * 128),
        error,
    )


def network(
    name: str,
    stages: list[nn.Module],
    backbone: Backbone,
    sample: Sample,
    density: float,
    batch: int,
    target: float,
) -> Job:
    """A whole network with three exits, or as many as it has stages."""
    net = Net(stages, sample, 10)
    last = len(stages) - 1
    for stage in sorted({last // 3, (2 * last + 2) // 3, last}):
        net.hang(stage, backbone.head(net.shapes[stage], 10))
    whole, method = copy.deepcopy(net).eval(), SHARED.format(f"density={density},nearest=true")
    choose(Method, method).plugin.prepare(net.eval(), SEED)
    x = torch.randn(batch, *sample.shape)
    dense: list[Callable[[], object]] = [lambda: net(x)]
    if x.dim() == 4 and any(isinstance(module, nn.Conv2d) for module in net.modules()):
        other = copy.deepcopy(net).to(memory_format=torch.channels_last)
        last_x = x.contiguous(memory_format=torch.channels_last)
        dense.append(lambda: other(last_x))
    ours = chains(net, net, x)
    return Job(
        f"{name}, batch {batch}, shared, {density:.1%}",
        target,
        dense,
        ours,
        chains(whole, whole, x),
        macs(net) * batch,
        4 * (parameters(net) + x.numel()),
        max(off(a, b) for a, b in zip(ours[0](), net(x), strict=True)),
    )


def macs(net: Net) -> float:
    """Products of one sample: every weight that exists, at every place where it is used."""
    total = 0.0
    hooks = []

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        mask = mask_of(module)
        weights = module.weight.numel() if mask is None else int(mask.sum())
        total += weights * out[0].numel() / out.shape[1]

    for layer in layers(net).values():
        hooks.append(layer.register_forward_hook(count))
    net(net.sample.blank())
    for hook in hooks:
        hook.remove()
    return total


def mlp(density: float, batch: int, target: float, widths: tuple[int, ...] = (784, 1024, 1024)) -> Job:
    """A multilayer perceptron; the first exit hangs on its inputs."""
    inner = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
    stages = [nn.Flatten(), *inner]
    name = f"mlp {'-'.join(map(str, widths))}-10"
    return network(name, stages, choose(Backbone, "mlp").plugin, Sample((widths[0],)), density, batch, target)


def resnet18(density: float, batch: int, target: float) -> Job:
    """ResNet-18 for 32 x 32."""
    backbone, sample = choose(Backbone, "resnet18").plugin, Sample((3, 32, 32))
    return network("resnet18", backbone.stages(sample), backbone, sample, density, batch, target)


JOBS: list[Callable[[], Job]] = [
    *[lambda p=p, d=d, b=b, t=t: linear(p, d, b, t)
      for p, d, b, t in ((SHARED, 0.125, 1, 10), (SHARED, 0.05, 1, 18), (DIAGONAL, 0.125, 1, 10), (DIAGONAL, 0.05, 1, 18),
                         (SHARED, 0.125, 128, 5), (SHARED, 0.05, 128, 12), (DEGREE, 0.125, 1, 2), (DEGREE, 0.05, 1, 4))],
    lambda: training(0.125, 3),
    lambda: mlp(0.125, 1, 8), lambda: mlp(0.05, 1, 15), lambda: mlp(0.125, 128, 4), lambda: mlp(0.05, 128, 7),
    lambda: mlp(0.125, 1, 6, (800, 400, 400)),
    lambda: resnet18(0.25, 1, 1.8), lambda: resnet18(0.125, 1, 2.5),
    lambda: resnet18(0.25, 16, 2), lambda: resnet18(0.125, 16, 3),
]  # fmt: skip


def measure(job: Job, rounds: int) -> tuple[float, float, float]:
    """Medians of the fastest dense form of PyTorch, the fastest of ours and of the dense chain (or NaN), in seconds."""
    forms = [*job.dense, *job.ours, *job.whole]
    times: list[list[float]] = [[] for _ in forms]
    with torch.set_grad_enabled("training" in job.name):
        for _ in range(rounds):
            for form, taken in zip(forms, times, strict=True):
                begun = time.perf_counter()
                form()
                calls = max(1, int(SHORT / (time.perf_counter() - begun)))
                begun = time.perf_counter()
                for _ in range(calls):
                    form()
                taken.append((time.perf_counter() - begun) / calls)
    medians = [statistics.median(taken) for taken in times]
    ours = len(job.dense) + len(job.ours)
    return (
        min(medians[: len(job.dense)]),
        min(medians[len(job.dense) : ours]),
        min(medians[ours:], default=math.nan),
    )


def sizes() -> Table:
    """Packed bytes of a network whose layers are all sparse, over dense float32."""
    table = Table("bytes at 12.5%, pattern from seed", "x dense float32", "target", title="storage")
    net = nn.Sequential(nn.Linear(1024, 1024), nn.Linear(1024, 1024))
    dense = len(pack(net, "dense") or b"")
    for n, layer in enumerate(net):
        line = f"sparse[density=0.125]@{n}"
        hide(layer, mask_from(line, (1024, 1024)), line)
    for values, target in (("float32", 0.13), ("int8", 0.035)):
        size = len(pack(net, "pattern", values) or b"") / dense
        table.add_row(values, f"{size:.4f}", f"{target} {'' if size <= target else 'missed'}")
    return table


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", default="1,2", help="numbers of threads, one table each")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", default="", help="part of the names of jobs")
    args = parser.parse_args()
    console = Console(width=150)
    if (reason := native.missing()) is not None:
        raise SystemExit(f"There are no native kernels: {reason}.")
    for threads in map(int, args.threads.split(",")):
        torch.set_num_threads(threads)
        top = ceilings()
        title = f"{threads} threads: {top.macs / 1e9:.0f} GMAC/s, {top.cache / 1e9:.0f} GB/s cache, {top.memory / 1e9:.0f} GB/s memory"
        table = Table(
            "job", "dense", "ours", "ratio", "of that, sparsity", "target", "limit", "error", title=title
        )
        for make in JOBS:
            torch.manual_seed(0)
            job = make()
            if args.only not in job.name:
                continue
            dense, ours, whole = measure(job, args.rounds)
            ratio = dense / ours
            table.add_row(
                job.name, f"{dense * 1e6:.0f} us", f"{ours * 1e6:.0f} us", f"{ratio:.1f} x",
                "" if math.isnan(whole) else f"{whole / ours:.1f} x",
                f"{job.target:g} x{'' if ratio >= job.target else ' missed'}", f"{dense / top.seconds(job):.0f} x", f"{job.error:.0e}",
            )  # fmt: skip
        console.print(table)
    console.print(sizes())


if __name__ == "__main__":
    main()
