"""Fast: a network, or a part of one, executed in the way that is fastest on this machine."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.execution import kept
from bench.execution.backends import DENSE, Ready, Runnable, Way, int_ways, way_named, ways_of
from bench.execution.clock import wait
from bench.execution.unsupported import Unsupported
from bench.network.net import Part

T = TypeVar("T")

TRIALS, SLOWER = 9, 2.0
"""Rounds in which the ways are compared; and how many times slower than the fastest a way is, in its fastest trial, that is
tried no further."""


@dataclass(frozen=True)
class Fast:
    """A part, executed in the way that is fastest here.

    Attributes:
        way: the fastest one.
        run: the part in this way; PyTorch may record gradients.
        reason: why no chain was among the ways that were compared; None where one was.
        seconds: the median of each way on a batch like the one to choose by, by the way's name.
    """

    way: Way
    run: Runnable
    reason: str | None
    seconds: dict[str, float]

    def __call__(self, x: Tensor) -> list[Tensor]:
        """The outputs of `Part.run`: the feature for the next part (or last logits), the logits of its exits.

        No gradients are recorded; where they are on, switching them off takes a microsecond.
        """
        if not torch.is_grad_enabled():
            return self.run(x)
        with torch.no_grad():
            return self.run(x)

    @property
    def speedup(self) -> float:
        """The time of PyTorch's dense kernels, in their faster layout of images, over that of this way."""
        dense = min(seconds for name, seconds in self.seconds.items() if name.startswith(DENSE))
        return dense / self.seconds[self.way.name]


def fast(
    part: Part, x: Tensor, *, chains: bool = True, again: bool = False, int8: Tensor | None = None
) -> Fast:
    """The way that runs a part fastest on inputs like these, measured on this machine, in this process's threads.

        device = fast(open_part(folder, "device"), torch.zeros(1, 1, 28, 28))
        crossing, *logits = device(x)

    It is measured once for each part, and kept in the cache: opened again, the part is ready without a measurement.

    Args:
        part: in eval mode; `net.whole()` for all of a network.
        x: a batch of inputs of the part, as large as the usual ones; other batches run too.
        chains: whether chains are among the ways.
        again: whether to measure though it was measured before.
        int8: inputs of the part, of the calibration split: with them chains that compute in whole numbers of eight bits, with
            scales from these inputs, are among the ways. Their answers are others than the part's, so measure the accuracy
            behind `Fast` then.

    Raises:
        SeesawError: a part in training mode, or an empty batch; with `int8`, what cannot be computed in whole numbers.
    """
    _runs(part, x)
    path = kept.place(part, x, chains=chains, int8=int8)
    if not again and (known := kept.read(path)) is not None and (found := _as_before(known, part, x, int8)):
        return found
    chosen = measured(part, x, chains=chains, int8=int8)
    kept.write(path, kept.Kept(chosen.way.name, chosen.seconds, chosen.reason))
    return chosen


def _as_before(known: kept.Kept, part: Part, x: Tensor, int8: Tensor | None) -> Fast | None:
    """A part in the way that was chosen before; None where it does not run so now."""
    way = way_named(known.way, part, x)
    if way is None and int8 is not None:
        way = next((one for one in int_ways(part, x, int8) if one.name == known.way), None)
    if way is None:
        return None
    try:
        return Fast(way, way.prepare(part, x), known.reason, known.seconds)
    except (Unsupported, RuntimeError):
        return None


def _runs(part: Part, x: Tensor) -> None:
    """Nothing, for a part in eval mode and a batch of samples.

    Raises:
        SeesawError: for others.
    """
    if any(
        module.training for one in (*part.stages.values(), *part.heads.values()) for module in one.modules()
    ):
        raise SeesawError(
            "This part is in training mode, which would change it. Call eval() on its network first."
        )
    if len(x) == 0:
        raise SeesawError("No way is fastest on an empty batch. Give one of as many samples as will come.")


def measured(part: Part, x: Tensor, *, chains: bool = True, int8: Tensor | None = None) -> Fast:
    """As `fast`, measured here and now, and not kept."""
    _runs(part, x)
    ways, reason = ways_of(part, x, chains=chains)
    if int8 is not None:
        ways = ways + [(way, way.prepare(part, x)) for way in int_ways(part, x, int8)]
    seconds = compared(ways, x)
    way, run = min(ways, key=lambda one: seconds[one[0].name])
    return Fast(way, run, reason, seconds)


@torch.no_grad()
def compared(ways: Ready, x: Tensor) -> dict[str, float]:
    """Seconds that each way takes, by its name: all in turn, so that a slow moment falls on all alike."""
    times: dict[str, list[float]] = {way.name: [] for way, _ in ways}
    for _, run in ways * 2:
        run(x)
    for _ in range(TRIALS):
        best = min((min(taken) for taken in times.values() if taken), default=math.inf)
        for way, run in ways:
            if min(times[way.name], default=0.0) > SLOWER * best:
                continue
            wait(x.device)
            begun = time.perf_counter()
            run(x)
            wait(x.device)
            times[way.name].append(time.perf_counter() - begun)
    return {name: statistics.median(taken) for name, taken in times.items()}


def prepared(part: Part, x: Tensor, prepare: Callable[[Way], T]) -> tuple[Way, T, str | None]:
    """The fastest way, and what it prepares; without chains where a prepared part cannot run as one.

    Args:
        part: to choose the way by, in eval mode.
        x: a batch of its inputs.
        prepare: makes the runnables in a given way.

    Returns:
        The way; the result of `prepare` for it; and why no chain was among the ways (None where one was).
    """
    chosen = measured(part, x)
    try:
        return chosen.way, prepare(chosen.way), chosen.reason
    except Unsupported:  # by a part that the whole does not show, such as one that only sends
        chosen = measured(part, x, chains=False)
        return chosen.way, prepare(chosen.way), "a part of the network runs as no chain"
