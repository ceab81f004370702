"""Execution: exits really taken, on the clock, by the fastest way that this machine has for each size of batch."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from bench.execution.backends import Way
from bench.execution.clock import spread, timed, where
from bench.execution.fast import prepared, wait
from bench.network.linked import Linked
from bench.network.net import Net, Part
from bench.network.walk import Walk, walk
from bench.records.reading import Reading
from bench.records.record import BATCHES, Walked
from bench.replay.exits.decide import decide, leaves_now
from bench.replay.exits.shipped import Shipped
from bench.replay.trace import Trace

SAMPLES, WALKS = 256, 64
"""Samples of the test split, and walks in batches of one size, that are taken in every round, at most."""
LEAST, EACH = 16, 0.05
"""Samples that are taken at least; more while a round of one policy in batches of one size stays within these seconds."""
ROUNDS, SECONDS = 5, 3.0
"""Of timing, at most."""

Leave = Callable[[Tensor], Tensor]
Runnable = Callable[[Tensor], Sequence[Tensor]]


@dataclass(frozen=True)
class Timed:
    """What walking takes for one sample.

    Attributes:
        latency: seconds a sample, all in all.
        routing: of these, seconds to decide who leaves and to regroup the others; None where nobody may.
        exits: where each sample left, int64 (samples,); None where nobody may.
        samples: how many, from the first.
    """

    latency: Reading
    routing: Reading | None
    exits: Tensor | None
    samples: int


class Walker:
    """A network from exit to exit, every stretch ready for batches of several sizes in the way that is fastest there.

    Args:
        net: in eval mode.
        x: inputs to choose the ways by, as many as the largest batch.
        sizes: of batches.
    """

    def __init__(self, net: Net, x: Tensor, sizes: Sequence[int] = BATCHES) -> None:
        parts, self.device = net.stretches(), x.device
        self.runs = {size: _prepared(net, parts, x[:size]) for size in sizes}
        self.sizes = tuple(self.runs)
        self.stretches = [partial(self._run, number) for number in range(len(parts))]
        self.inside = 0.0
        """seconds within stretches so far"""

    def __call__(self, x: Tensor, leave: Leave) -> Walk:
        """Runnable from exit to exit (`bench.network.net.walk`)."""
        return walk(self.stretches, x, leave)

    def _run(self, number: int, x: Tensor) -> Sequence[Tensor]:
        runs = self._ready(len(x))
        begun = time.perf_counter()
        answers = runs[number](x)
        if not x.is_cpu:
            wait(self.device)
        self.inside += time.perf_counter() - begun
        return answers

    def _ready(self, batch: int) -> list[Runnable]:
        """The stretches as they are fastest for batches of about this size."""
        if batch not in self.runs:
            size = max((size for size in self.sizes if size <= 2 * batch), default=min(self.sizes))
            self.runs[batch] = self.runs[size]
        return self.runs[batch]


def _prepared(net: Net, parts: Sequence[Part], x: Tensor) -> list[Runnable]:
    """What runs each part, one after the other, on batches of this size."""

    @torch.no_grad()
    def runs(way: Way) -> list[Runnable]:
        found, inputs = list[Runnable](), x
        for part in parts:
            found.append(way.prepare(part, inputs))
            inputs = found[-1](inputs)[0]
        return found

    return prepared(net.whole(), x, runs)[1]


def bare(net: Net) -> Net:
    """The network without its early exits, as it would be shipped if nobody left early; linked heads stay."""
    if isinstance(net.head(net.exits[-1]), Linked):
        return net
    found = copy.copy(net)
    found._modules = dict(net._modules)
    found.heads = nn.ModuleDict({str(net.exits[-1]): net.head(net.exits[-1])})
    return found


def walked(
    net: Net,
    x: Tensor,
    shipped: Sequence[Shipped],
    test: Trace,
    report: Callable[[float, float, str], None] = lambda done, total, line: None,
) -> list[Walked]:
    """What walking takes by each policy at its shipped point, as a record says it.

    Args:
        net: in eval mode.
        x: the first inputs of the test split, (N, *sample).
        shipped: policies, each at one operating point.
        test: what the network said of the test split, to hold against where samples left.
        report: is told how far it is.
    """
    by_spec = {one.spec: one for one in shipped}
    leaves = {spec: leaves_now(one.policy, one.state) for spec, one in by_spec.items()}
    logits, last = test.logits[:, : len(x)], len(net.exits) - 1
    expected = {spec: decide(one.policy, [one.state], logits)[0] for spec, one in by_spec.items()}
    found = []
    for (spec, size), one in execute(net, x, leaves, report).items():
        exits = torch.full((one.samples,), last) if one.exits is None else one.exits
        readings = {"latency": one.latency} | ({} if one.routing is None else {"routing": one.routing})
        found.append(
            Walked(
                policy=spec,
                point=None if spec is None else by_spec[spec].point,
                batch=size,
                left=torch.bincount(exits, minlength=last + 1).tolist(),
                moved=0 if spec is None else int((exits != expected[spec][: one.samples]).sum()),
                readings=readings,
            )
        )
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
    runs = {size: _prepared(whole, [whole.whole()], x[:size])[0] for size in sizes}
    batches = {size: x[: size * _walks(run, x[:size])].split(size) for size, run in runs.items()}
    walks: dict[tuple[str | None, int], _Walks] = {
        (spec, size): _Walks(walker, leave, batches[size]) for spec, leave in leaves.items() for size in sizes
    }
    jobs: dict[tuple[str | None, int], Callable[[], object]] = {
        (None, size): partial(_all, runs[size], batches[size]) for size in sizes
    }
    jobs |= walks

    def begin(done: int) -> None:
        for one in walks.values():
            one.round = done
        report(done, ROUNDS, "exits really taken")

    times, _ = timed(jobs, x.device, ROUNDS, SECONDS, begin)
    found = {}
    for (spec, size), taken in times.items():
        source, count = f"clock, {where(x.device)}, batches of {size}", sum(map(len, batches[size]))
        by = walks.get((spec, size))
        found[spec, size] = Timed(
            spread([one / count for one in taken], source),
            None if by is None else spread([by.routing[n] / count for n in range(len(taken))], source),
            None if by is None else by.exits,
            count,
        )
    return found


@torch.no_grad()
def _walks(run: Runnable, x: Tensor) -> int:
    """How many batches like this one are walked in a round."""
    run(x)
    begun = time.perf_counter()
    run(x)
    wait(x.device)
    affordable = int(EACH / (time.perf_counter() - begun))
    return max(-(-LEAST // len(x)), min(WALKS, affordable))


class _Walks:
    """One policy's walks over all batches of a size, and what routing took in each round: a round that was disturbed is
    taken again, and counts for nothing.
    """

    def __init__(self, walker: Walker, leave: Leave, batches: Sequence[Tensor]) -> None:
        self.walker, self.leave, self.batches = walker, leave, batches
        self.round, self.routing = -1, dict[int, float]()
        self.exits = torch.empty(0, dtype=torch.long)

    def __call__(self) -> None:
        begun, inside = time.perf_counter(), self.walker.inside
        found = [self.walker(batch, self.leave).exits for batch in self.batches]
        self.routing[self.round] = time.perf_counter() - begun - (self.walker.inside - inside)
        self.exits = torch.cat(found).cpu()


def _all(run: Runnable, batches: Sequence[Tensor]) -> None:
    for batch in batches:
        run(batch)
