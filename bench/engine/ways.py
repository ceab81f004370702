"""Ways: how a network can be executed here, and which is fastest."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

from bench.engine.chain import chain_of
from bench.engine.draft import Unsupported
from bench.engine.gathered import GatheredConv, gathered
from bench.net import Net, Part

T = TypeVar("T")

TRIALS = 9
"""Rounds in which the ways are compared before the best one is measured."""
BLOCKS = (16, 32, 64)
"""Samples that a chain takes side by side, of which the fastest is chosen; one at a time below half the first."""


@dataclass(frozen=True)
class Way:
    """One way to execute a network.

    Attributes:
        name: of the kernels, in words.
        prepare: gives what runs a part on inputs like these, as `Part.run` does.
    """

    name: str
    prepare: Callable[[Part, Tensor], Callable[[Tensor], list[Tensor]]]


def prepared(net: Net, x: Tensor, prepare: Callable[[Way], T]) -> tuple[Way, T, str | None]:
    """What the fastest way prepares; chains are left out where one of the parts that are prepared runs as none.

    Args:
        net: in eval mode.
        x: a batch of inputs.
        prepare: makes what will be run, by a way.

    Returns:
        The way; what `prepare` made by it; and why no chain was among the ways, or None where one was.
    """
    way, reason = fastest(net, x)
    try:
        return way, prepare(way), reason
    except Unsupported:  # of a part that the whole does not show, such as one that only sends
        way, reason = fastest(net, x, chains=False)
        return way, prepare(way), reason


def fastest(net: Net, x: Tensor, *, chains: bool = True) -> tuple[Way, str | None]:
    """The way that runs the whole network fastest on inputs like these, in this process's threads.

    Args:
        net: in eval mode.
        x: a batch of inputs.
        chains: whether chains are among the ways.

    Returns:
        The way; and why no chain was among those compared, or None where one was.
    """
    whole = Part(net, 0, len(net.stages))
    ways, reason = _layouts(net, x), None
    if not chains:
        reason = "a part of the network runs as no chain"
    elif x.device.type != "cpu":
        reason = f"chains run on the CPU, not on {x.device.type}"
    elif x.dtype != torch.float32:
        reason = f"chains take float32, not {x.dtype}"
    else:
        for lanes in _blocks(len(x)):
            way = Way(f"native chain, {lanes} side by side", partial(_chained, lanes=lanes))
            try:
                way.prepare(whole, x)
            except Unsupported as error:
                reason = str(error)
                break
            ways.append(way)
    if reason is not None and x.dtype == torch.float32 and (other := gathered(net)) is not None:
        ways += _layouts(other, x, "gathered products")
    jobs = [way.prepare(whole, x) for way in ways]
    times: list[list[float]] = [[] for _ in ways]
    with torch.no_grad():
        for job in jobs * 2:
            job(x)
        for _ in range(TRIALS):
            for job, taken in zip(jobs, times, strict=True):
                wait(x.device)
                begun = time.perf_counter()
                job(x)
                wait(x.device)
                taken.append(time.perf_counter() - begun)
    best = min(range(len(ways)), key=lambda n: statistics.median(times[n]))
    return ways[best], reason


def _blocks(batch: int) -> list[int]:
    if 2 * batch < BLOCKS[0]:
        return [1]
    return [n for n in BLOCKS if n <= 2 * batch]


def _chained(part: Part, x: Tensor, *, lanes: int) -> Callable[[Tensor], list[Tensor]]:
    return chain_of(part, part.run, torch.zeros_like(x[:1]), lanes)


def _layouts(net: Net, x: Tensor, kernels: str = "dense kernels") -> list[Way]:
    """PyTorch's own kernels in the layouts of images that it has."""
    if x.dim() != 4 or not any(isinstance(module, nn.Conv2d | GatheredConv) for module in net.modules()):
        return [Way(kernels, partial(_plain, net))]
    other = copy.deepcopy(net).to(memory_format=torch.channels_last)
    return [
        Way(f"{kernels}, channels first", partial(_plain, net)),
        Way(f"{kernels}, channels last", partial(_plain, other)),
    ]


def _plain(net: Net, part: Part, x: Tensor) -> Callable[[Tensor], list[Tensor]]:
    return Part(net, part.start, part.stop).run


def wait(device: torch.device) -> None:
    """Let an accelerator finish what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
