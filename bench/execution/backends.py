"""Backends: the ways in which a part of a network can be executed here."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench.execution.chain.chain import chain_of
from bench.execution.gathered import gather, gathers
from bench.execution.int8.chain import int_chained, quantised_part
from bench.execution.unsupported import Unsupported
from bench.network.net import Part

log = logging.getLogger(__name__)
Runnable = Callable[[Tensor], list[Tensor]]

DENSE = "dense kernels"
"""PyTorch's own kernels, which compute with zeros too."""
BLOCKS = (16, 32, 64)
"""Samples that a chain takes side by side; the fastest is chosen. Batches below half the first go singly, and images may."""


@dataclass(frozen=True)
class Way:
    """One way to execute a network.

    Attributes:
        name: of the kernels, in words.
        prepare: makes the runnable of a part for inputs like these; its outputs are those of `Part.run`.
    """

    name: str
    prepare: Callable[[Part, Tensor], Runnable]


Ready = list[tuple[Way, Runnable]]
"""Ways, each with the runnable of a part that it prepared."""


def ways_of(part: Part, x: Tensor, *, chains: bool = True) -> tuple[Ready, str | None]:
    """The ways in which a part runs on inputs like these; and why no chain is among them (None where one is).

    The first is PyTorch's own dense kernels; the last, where no chain runs, are gathered products.
    """
    ready = _ready(_layouts(part, x, DENSE), part, x)
    try:
        if not chains:
            raise Unsupported("chains were left out")
        return ready + _chains(part, x), None
    except Unsupported as error:
        if x.dtype == torch.float32 and gathers(part):
            ready += _ready(_gathered(part, x), part, x)
        return ready, str(error)


def _ready(ways: Sequence[Way], part: Part, x: Tensor) -> Ready:
    """The first way, and those of the others in which the part runs: some modules lack a layout of images."""
    ready = [(ways[0], ways[0].prepare(part, x))]
    for way in ways[1:]:
        try:
            run = way.prepare(part, x)
            with torch.no_grad():
                run(x)
        except RuntimeError as error:
            log.info("The part does not run by %s: %s", way.name, error)
            continue
        ready.append((way, run))
    return ready


def _chains(part: Part, x: Tensor) -> Ready:
    """Chains for blocks of every width that there is room for.

    Raises:
        Unsupported: not even for the two narrowest.
    """
    if x.device.type != "cpu":
        raise Unsupported(f"chains run on the CPU, not on {x.device.type}")
    if x.dtype != torch.float32:
        raise Unsupported(f"chains take float32, not {x.dtype}")
    ready: Ready = []
    reason = None
    for number, way in enumerate(_chain_ways(x)):
        try:
            ready.append((way, way.prepare(part, x)))
        except Unsupported as error:
            reason = reason or error
            if number:
                break
    if reason is not None and not ready:
        raise reason
    return ready


def _chain_ways(x: Tensor) -> list[Way]:
    return [
        Way(f"native chain, {lanes} side by side", partial(chained, lanes=lanes))
        for lanes in block_widths(len(x), images=x.ndim == 4)
    ]


def way_named(name: str, part: Part, x: Tensor) -> Way | None:
    """The way of this name for a part and inputs like these, not yet prepared; None where there is none."""
    ways = (*_layouts(part, x, DENSE), *_chain_ways(x), *_gathered(part, x))
    return next((way for way in ways if way.name == name), None)


def block_widths(batch: int, *, images: bool = False) -> list[int]:
    """How many samples chains may compute side by side for a batch of this size: 1, or one or more of 16, 32, 64.

    Args:
        batch: samples.
        images: whether they are images, which also one by one fill vectors: then 1 is among them for all batches.
    """
    if 2 * batch < BLOCKS[0]:
        return [1]
    return [*([1] if images else []), *(n for n in BLOCKS if n <= 2 * batch)]


def chained(part: Part, x: Tensor, *, lanes: int) -> Runnable:
    """A part as a chain that takes so many samples side by side.

    Raises:
        Unsupported: the part does something that no chain does, or there are no kernels here.
    """
    return chain_of(part, part.run, torch.zeros_like(x[:1]), lanes)


def int_ways(part: Part, x: Tensor, calibration: Tensor) -> list[Way]:
    """Chains of whole numbers of eight bits for this part and inputs like these, not yet prepared.

    Args:
        part: in eval mode.
        x: a batch of its inputs.
        calibration: inputs of the part by which the scales are set, float32 (N, ...).

    Raises:
        Unsupported: inputs that no chain takes; or the part does something that cannot be said in whole numbers.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32:
        raise Unsupported(
            f"Chains of int8 take float32 on the CPU, not {x.dtype} on {x.device.type}. Leave int8 out."
        )
    program = quantised_part(part, calibration)

    def prepare(own: Part, inputs: Tensor, *, lanes: int) -> Runnable:
        if own is not part:
            raise Unsupported(
                "A chain of int8 is made for the one part whose inputs set its scales. Leave int8 out."
            )
        return int_chained(part, program, lanes=lanes)

    return [
        Way(f"int8 chain, {lanes} side by side", partial(prepare, lanes=lanes))
        for lanes in block_widths(len(x))
    ]


def _layouts(part: Part, x: Tensor, kernels: str, *changes: Callable[[Part], object]) -> list[Way]:
    """PyTorch's own kernels in its layouts of images, on parts with these changes."""
    first = _Copies(*changes) if changes else _as_it_is
    if not any(isinstance(module, nn.Conv2d) for module in part.modules()):
        return [Way(kernels, first)]
    last = _Copies(*changes, _channels_last)
    return [Way(f"{kernels}, channels first", first), Way(f"{kernels}, channels last", last)]


def _gathered(part: Part, x: Tensor) -> list[Way]:
    return _layouts(part, x, "gathered products", partial(gather, made={}))


def _as_it_is(part: Part, x: Tensor) -> Runnable:
    return part.run


def _channels_last(part: Part) -> None:
    part.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


class _Copies:
    """Changed copies of parts; modules that the parts share are shared by the copies too."""

    def __init__(self, *changes: Callable[[Part], object]) -> None:
        self.changes, self.memo = changes, dict[Any, Any]()

    def __call__(self, part: Part, x: Tensor) -> Runnable:
        with torch.inference_mode(False):
            twin = copy.deepcopy(part, self.memo)
            for change in self.changes:
                change(twin)
        return twin.run
