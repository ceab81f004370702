"""Ways: how a network can be executed here, and which is fastest."""

from __future__ import annotations

import copy
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from bench.engine.chain import chain_of
from bench.engine.draft import Unsupported
from bench.engine.gathered import gather, gathers
from bench.errors import SeesawError
from bench.net import Part

T = TypeVar("T")
log = logging.getLogger(__name__)
Run = Callable[[Tensor], list[Tensor]]

DENSE = "dense kernels"
"""PyTorch's own, on zeros too."""

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
    prepare: Callable[[Part, Tensor], Run]


@dataclass(frozen=True)
class Fast:
    """A part, executed in the way that is fastest here.

    Attributes:
        way: which was fastest.
        run: the part in this way, without keeping PyTorch from recording gradients.
        reason: why no chain was among the ways that were compared, or None where one was.
        seconds: that each way took on a batch like the one to choose by, the median, by its name.
    """

    way: Way
    run: Run
    reason: str | None
    seconds: dict[str, float]

    def __call__(self, x: Tensor) -> list[Tensor]:
        """What `Part.run` gives: the feature that goes on, or the last logits; behind it the logits of every exit.

        Within `torch.inference_mode()` nothing else is done: elsewhere, not to record gradients takes a microsecond.
        """
        if not torch.is_grad_enabled():
            return self.run(x)
        with torch.no_grad():
            return self.run(x)

    @property
    def speedup(self) -> float:
        """How many times longer PyTorch's dense kernels take, in the faster layout of images."""
        dense = min(seconds for name, seconds in self.seconds.items() if name.startswith(DENSE))
        return dense / self.seconds[self.way.name]


def fast(part: Part, x: Tensor, *, chains: bool = True) -> Fast:
    """The way that runs a part fastest on inputs like these, measured here and now, in this process's threads.

        device = fast(open_part(folder, "device"), torch.zeros(1, 1, 28, 28))
        crossing, *logits = device(x)

    Args:
        part: in eval mode; `net.whole()` for all of a network.
        x: a batch of what the part takes, of as many samples as it will be given; it runs on other batches too.
        chains: whether chains are among the ways.

    Raises:
        SeesawError: a part in training mode, or an empty batch.
    """
    if any(
        module.training
        for stage in (part.stages, part.heads)
        for one in stage.values()
        for module in one.modules()
    ):
        raise SeesawError(
            "This part is in training mode, which would change it. Call eval() on its network first."
        )
    if len(x) == 0:
        raise SeesawError("No way is fastest on an empty batch. Give one of as many samples as will come.")
    ways, jobs = _able(_layouts(part, x, DENSE), part, x)
    reason = None
    if not chains:
        reason = "chains were left out"
    elif x.device.type != "cpu":
        reason = f"chains run on the CPU, not on {x.device.type}"
    elif x.dtype != torch.float32:
        reason = f"chains take float32, not {x.dtype}"
    for lanes in _blocks(len(x)) if reason is None else []:
        way = Way(f"native chain, {lanes} side by side", partial(_chained, lanes=lanes))
        try:
            jobs.append(way.prepare(part, x))
        except Unsupported as error:
            reason = str(error)
            break
        ways.append(way)
    if reason is not None and x.dtype == torch.float32 and gathers(part):
        others, more = _able(_layouts(part, x, "gathered products", partial(gather, made={})), part, x)
        ways, jobs = ways + others, jobs + more
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
    seconds = {way.name: statistics.median(taken) for way, taken in zip(ways, times, strict=True)}
    best = min(range(len(ways)), key=lambda n: seconds[ways[n].name])
    return Fast(ways[best], jobs[best], reason, seconds)


def prepared(part: Part, x: Tensor, prepare: Callable[[Way], T]) -> tuple[Way, T, str | None]:
    """What the fastest way prepares; chains are left out where one of the parts that are prepared runs as none.

    Args:
        part: to choose the way by, in eval mode.
        x: a batch of what it takes.
        prepare: makes what will be run, by a way.

    Returns:
        The way; what `prepare` made by it; and why no chain was among the ways, or None where one was.
    """
    found = fast(part, x)
    try:
        return found.way, prepare(found.way), found.reason
    except Unsupported:  # of a part that the whole does not show, such as one that only sends
        found = fast(part, x, chains=False)
        return found.way, prepare(found.way), "a part of the network runs as no chain"


def _blocks(batch: int) -> list[int]:
    if 2 * batch < BLOCKS[0]:
        return [1]
    return [n for n in BLOCKS if n <= 2 * batch]


def _chained(part: Part, x: Tensor, *, lanes: int) -> Run:
    return chain_of(part, part.run, torch.zeros_like(x[:1]), lanes)


def _layouts(part: Part, x: Tensor, kernels: str, *changes: Callable[[Part], object]) -> list[Way]:
    """PyTorch's own kernels, in the layouts of images that it has, on parts changed so."""
    as_told = _Copies(*changes) if changes else _as_it_is
    if not any(isinstance(module, nn.Conv2d) for module in part.modules()):
        return [Way(kernels, as_told)]
    last = _Copies(*changes, _channels_last)
    return [Way(f"{kernels}, channels first", as_told), Way(f"{kernels}, channels last", last)]


def _able(ways: Sequence[Way], part: Part, x: Tensor) -> tuple[list[Way], list[Run]]:
    """The first way, and those of the others in which the part runs: not everything takes every layout of images."""
    able, jobs = [ways[0]], [ways[0].prepare(part, x)]
    for way in ways[1:]:
        try:
            job = way.prepare(part, x)
            with torch.no_grad():
                job(x)
        except RuntimeError as error:
            log.info("The part does not run by %s: %s", way.name, error)
            continue
        able.append(way)
        jobs.append(job)
    return able, jobs


def _as_it_is(part: Part, x: Tensor) -> Run:
    return part.run


def _channels_last(part: Part) -> None:
    part.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


class _Copies:
    """Copies of parts, changed; what the parts share, the copies share."""

    def __init__(self, *changes: Callable[[Part], object]) -> None:
        self.changes, self.memo = changes, dict[Any, Any]()

    def __call__(self, part: Part, x: Tensor) -> Run:
        with torch.inference_mode(False):
            twin = copy.deepcopy(part, self.memo)
            for change in self.changes:
                change(twin)
        return twin.run


def wait(device: torch.device) -> None:
    """Let an accelerator finish what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
