"""Execution: exits really taken, on the clock, by the fastest way that this machine has for each size of batch."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from bench.engine.compile import Unsupported
from bench.engine.ways import Way, fastest, wait
from bench.linked import Linked
from bench.meter import Reading
from bench.meters.clock import spread, timed, where
from bench.net import Net, Part, Walk, walk

BATCHES = (1, 8, 64)
SAMPLES = 256
"""That are walked in every round, of the test split."""
ROUNDS, SECONDS = 7, 10.0
"""Of timing, at most."""

Leave = Callable[[Tensor], Tensor]
Run = Callable[[Tensor], Sequence[Tensor]]


@dataclass(frozen=True)
class Timed:
    """What walking takes for one sample.

    Attributes:
        latency: seconds a sample, all in all.
        routing: of these, seconds to decide who leaves and to regroup the others; None where nobody may.
        exits: where each sample left, int64 (N,); None where nobody may.
    """

    latency: Reading
    routing: Reading | None
    exits: Tensor | None


class Walker:
    """A network from exit to exit, every stretch ready for batches of several sizes in the way that is fastest there.

    Args:
        net: in eval mode.
        x: inputs to choose the ways by, as many as the largest batch.
        sizes: of batches.
    """

    def __init__(self, net: Net, x: Tensor, sizes: Sequence[int] = BATCHES) -> None:
        self.parts, self.device = net.stretches(), x.device
        self.runs = {size: _prepared(net, self.parts, x[:size]) for size in sizes}
        self.inside = 0.0
        """seconds within stretches so far"""

    def __call__(self, x: Tensor, leave: Leave) -> Walk:
        """Run from exit to exit (`bench.net.walk`)."""
        return walk([self._stretch(number) for number in range(len(self.parts))], x, leave)

    def _stretch(self, number: int) -> Run:
        def run(x: Tensor) -> Sequence[Tensor]:
            size = max((size for size in self.runs if size <= 2 * len(x)), default=min(self.runs))
            begun = time.perf_counter()
            answers = self.runs[size][number](x)
            wait(self.device)
            self.inside += time.perf_counter() - begun
            return answers

        return run


def _prepared(net: Net, parts: Sequence[Part], x: Tensor) -> list[Run]:
    """What runs each part, one after the other, on batches of this size."""
    try:
        return _by(fastest(net, x)[0], parts, x)
    except Unsupported:  # of a part that the whole does not show
        return _by(fastest(net, x, chains=False)[0], parts, x)


def _by(way: Way, parts: Sequence[Part], x: Tensor) -> list[Run]:
    runs: list[Run] = []
    with torch.no_grad():
        for part in parts:
            runs.append(way.prepare(part, x))
            x = runs[-1](x)[0]
    return runs


def bare(net: Net) -> Net:
    """The network without its early exits, as it would be shipped if nobody left early; linked heads stay."""
    if isinstance(net.head(net.exits[-1]), Linked):
        return net
    found = copy.copy(net)
    found._modules = dict(net._modules)
    found.heads = nn.ModuleDict({str(net.exits[-1]): net.head(net.exits[-1])})
    return found


def execute(
    net: Net,
    x: Tensor,
    leaves: Mapping[str, Leave],
    report: Callable[[float, float, str], None] = lambda done, total, line: None,
    sizes: Sequence[int] = BATCHES,
) -> dict[tuple[str | None, int], Timed]:
    """Time walks by several policies, and the network that nobody leaves, at several sizes of batches, in turn.

    Args:
        net: in eval mode.
        x: inputs, (N, *sample).
        leaves: by a policy's spec, who leaves (`Net.walk`).
        report: is told how far it is.
        sizes: of batches.

    Returns:
        By policy and size; under None the network without its early exits.
    """
    sizes = [size for size in sizes if size <= len(x)] or [len(x)]
    walker, whole = Walker(net, x[: max(sizes)], sizes), bare(net)
    runs = {size: _prepared(whole, [Part(whole, 0, len(whole.stages))], x[:size])[0] for size in sizes}
    walks: dict[tuple[str | None, int], _Walks] = {
        (spec, size): _Walks(walker, leave, x.split(size)) for spec, leave in leaves.items() for size in sizes
    }
    jobs: dict[tuple[str | None, int], Callable[[], object]] = {
        (None, size): partial(_all, runs[size], x.split(size)) for size in sizes
    }
    jobs |= walks
    times, _ = timed(jobs, x.device, ROUNDS, SECONDS, lambda done: report(done, ROUNDS, "exits really taken"))
    source = f"clock, {where(x.device)}, batches of {{}}"
    return {
        key: Timed(
            spread([one / len(x) for one in taken], source.format(key[1])),
            _routing(walks[key], len(taken), source.format(key[1])) if key in walks else None,
            walks[key].exits if key in walks else None,
        )
        for key, taken in times.items()
    }


class _Walks:
    """One policy's walks over all batches of a size, and what routing took in each."""

    def __init__(self, walker: Walker, leave: Leave, batches: Sequence[Tensor]) -> None:
        self.walker, self.leave, self.batches = walker, leave, batches
        self.routing: list[float] = []
        self.exits = torch.empty(0, dtype=torch.long)

    def __call__(self) -> None:
        begun, inside = time.perf_counter(), self.walker.inside
        found = [self.walker(batch, self.leave).exits for batch in self.batches]
        self.routing.append(time.perf_counter() - begun - (self.walker.inside - inside))
        self.exits = torch.cat(found).cpu()


def _all(run: Run, batches: Sequence[Tensor]) -> None:
    for batch in batches:
        run(batch)


def _routing(walks: _Walks, rounds: int, source: str) -> Reading:
    return spread([one / len(walks.exits) for one in walks.routing[-rounds:]], source)
