"""What `execution.py` times: layers, a step of training and whole networks, each packed and dense, and its target."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from bench import (
    Backbone,
    Method,
    Net,
    PackedLinear,
    Sample,
    block_widths,
    chain_of,
    choose,
    hide,
    layers,
    mask_from,
    mask_of,
    parameters,
)

SEED = type("Seed", (), {"seed": 0, "device": torch.device("cpu"), "cut": None})()
SHARED, DIAGONAL, DEGREE = "shared[{},outputs=16]", "diagonal[{}]", "sparse[{}]"


@dataclass
class Job:
    """One line of the table: what is timed, and what it must reach."""

    name: str
    target: float | None
    """how many times faster than dense it must be, where that was promised"""
    dense: list[Callable[[], object]]
    ours: list[Callable[[], object]]
    whole: list[Callable[[], object]]
    """the dense network as chains; none where there is no such thing"""
    macs: float
    bytes: float
    error: float


def chains(module: nn.Module, run: Callable[[Tensor], list[Tensor]], x: Tensor) -> list[Callable[[], object]]:
    """A module as chains, of all widths of blocks that a batch admits."""
    made = [chain_of(module, run, x[:1], lanes) for lanes in block_widths(len(x), images=x.ndim == 4)]
    return [lambda chain=chain: chain(x) for chain in made]


def off(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, relative to the largest number."""
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).abs().max() / theirs.abs().max())


def named(what: str, batch: int, pattern: str, density: float) -> str:
    """The name of a job: known before it is built, so that one may choose by it."""
    return f"{what}, batch {batch}, {pattern.partition('[')[0]}, {density:.1%}"


def linear(name: str, pattern: str, density: float, batch: int, target: float) -> Job:
    """One layer of 1024 x 1024."""
    layer, line = nn.Linear(1024, 1024), pattern.format(f"density={density},nearest=true") + "@0"
    parent = copy.deepcopy(layer)
    hide(layer, mask_from(line, (1024, 1024)), line)
    x = torch.randn(batch, 1024)
    turned, weight, bias = x.t().contiguous(), layer.weight.detach(), layer.bias.detach()
    ours = chains(layer, lambda inputs: [layer(inputs)], x)
    weights = int(layer.weight_mask.sum())
    return Job(
        name,
        target,
        [lambda: layer(x), lambda: torch.addmm(bias[:, None], weight, turned)],
        ours,
        chains(parent, lambda inputs: [parent(inputs)], x),
        weights * batch,
        4 * (weights + 2 * 1024 * batch),
        off(ours[0]()[0], layer(x)),
    )


def training(name: str, density: float, target: float) -> Job:
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
        name,
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
    pattern: str,
    density: float,
    batch: int,
    target: float | None,
) -> Job:
    """A whole network with three exits, or as many as it has stages."""
    net = Net(stages, sample, 10)
    last = len(stages) - 1
    for stage in sorted({last // 3, (2 * last + 2) // 3, last}):
        net.hang(stage, backbone.head(net.shapes[stage], 10))
    whole, method = copy.deepcopy(net).eval(), pattern.format(f"density={density},nearest=true")
    choose(Method, method).plugin.prepare(net.eval(), SEED)
    x = torch.randn(batch, *sample.shape)
    dense: list[Callable[[], object]] = [lambda: net(x)]
    if x.dim() == 4 and any(isinstance(module, nn.Conv2d) for module in net.modules()):
        other = copy.deepcopy(net).to(memory_format=torch.channels_last)
        last_x = x.contiguous(memory_format=torch.channels_last)
        dense.append(lambda: other(last_x))
    ours = chains(net, net, x)
    return Job(
        name,
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


def mlp(name: str, density: float, batch: int, target: float, widths: tuple[int, ...]) -> Job:
    """A multilayer perceptron; the first exit hangs on its inputs."""
    inner = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
    stages = [nn.Flatten(), *inner]
    return network(
        name, stages, choose(Backbone, "mlp").plugin, Sample((widths[0],)), SHARED, density, batch, target
    )


def resnet18(name: str, pattern: str, density: float, batch: int, target: float | None = None) -> Job:
    """ResNet-18 for 32 x 32."""
    backbone, sample = choose(Backbone, "resnet18").plugin, Sample((3, 32, 32))
    return network(name, backbone.stages(sample), backbone, sample, pattern, density, batch, target)


def _linear(*of: Any) -> tuple[str, Callable[[], Job]]:
    name = named("linear 1024x1024", of[2], of[0], of[1])
    return name, lambda: linear(name, *of)


def _training(*of: Any) -> tuple[str, Callable[[], Job]]:
    name = named("training step 1024x1024", 128, SHARED, of[0])
    return name, lambda: training(name, *of)


def _mlp(
    density: float, batch: int, target: float, widths: tuple[int, ...] = (784, 1024, 1024)
) -> tuple[str, Callable[[], Job]]:
    name = named(f"mlp {'-'.join(map(str, widths))}-10", batch, SHARED, density)
    return name, lambda: mlp(name, density, batch, target, widths)


def _resnet18(*of: Any) -> tuple[str, Callable[[], Job]]:
    name = named("resnet18", of[2], of[0], of[1])
    return name, lambda: resnet18(name, *of)


JOBS: dict[str, Callable[[], Job]] = dict([
    *[_linear(p, d, b, t)
      for p, d, b, t in ((SHARED, 0.125, 1, 10), (SHARED, 0.05, 1, 18), (DIAGONAL, 0.125, 1, 10), (DIAGONAL, 0.05, 1, 18),
                         (SHARED, 0.125, 128, 5), (SHARED, 0.05, 128, 12), (DEGREE, 0.125, 1, 2), (DEGREE, 0.05, 1, 4))],
    _training(0.125, 3),
    _mlp(0.125, 1, 8), _mlp(0.05, 1, 15), _mlp(0.125, 128, 4), _mlp(0.05, 128, 7), _mlp(0.125, 1, 6, (800, 400, 400)),
    _resnet18(SHARED, 0.25, 1, 1.8), _resnet18(SHARED, 0.125, 1, 2.5),
    _resnet18(SHARED, 0.25, 16, 2), _resnet18(SHARED, 0.125, 16, 3),
    _resnet18(DEGREE, 0.125, 1), _resnet18(DEGREE, 0.125, 16),
])  # fmt: skip
"""By name, in the order of the table; a job is built when it is wanted."""
