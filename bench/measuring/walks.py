"""Walks: exits really taken, on the clock, in the fastest way here for each size of batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from bench.execution.backends import Way
from bench.execution.chain.chain import Chain
from bench.execution.clock import timed, wait, where
from bench.execution.deciding import Decider, NativeWalk
from bench.execution.fast import prepared
from bench.execution.unsupported import Unsupported
from bench.machine import WALL, Clock
from bench.network.linked import Linked
from bench.network.net import Net, Part
from bench.network.walk import Walk, walk
from bench.records.reading import Reading
from bench.records.record import BATCHES, Walked
from bench.replay.exits.decide import Decision, decide, leaves_now
from bench.replay.exits.shipped import Shipped
from bench.replay.trace import Trace

SAMPLES, WALKS = 256, 64
"""At most so many samples of the test split, and at most so many batches of one size in a round."""
LEAST, EACH = 16, 0.003
"""At least so many samples; more while a round, for one policy and size, stays within these seconds."""
ROUNDS, SECONDS, WARM_UPS = 5, 2.0, 0
"""Limits of timing; all that runs was warmed when the ways were compared, and a first round may be slow: medians count."""

SLOW = 0.5
"""Seconds; batches of which one would take longer are walked only where there are no smaller ones."""

Leave = Callable[[Tensor], Tensor]
Runnable = Callable[[Tensor], Sequence[Tensor]]


@dataclass(frozen=True)
class Timed:
    """The times of walks, for one sample.

    Attributes:
        latency: all seconds.
        routing: those of them that decide which samples leave and regroup the others; None without a policy.
        exits: the exit where each sample left, int64 (samples,); None without a policy.
        samples: the number of samples, from the first.
    """

    latency: Reading
    routing: Reading | None
    exits: Tensor | None
    samples: int


class Walker:
    """A network from exit to exit, each stretch prepared in the fastest way for each of several batch sizes.

    Where all stretches that a batch may come through are chains, its walk is one native call, and policies that are a formula
    decide within it (`bench.execution.deciding`). A clock that is not the wall's is read around every stretch, so walks by it
    are Python's.

    Args:
        net: in eval mode.
        x: inputs to choose the ways by, as many as the largest batch.
        sizes: of batches.
        clock: of all times.
        ways: by size, the way that is known to be the fastest for this network; others are found here.
    """

    def __init__(
        self,
        net: Net,
        x: Tensor,
        sizes: Sequence[int] = BATCHES,
        clock: Clock = WALL,
        ways: Mapping[int, Way] | None = None,
    ) -> None:
        self.clock = clock
        parts, self.device, known = net.stretches(), x.device, ways or {}
        self.runs = {size: _prepared(net, parts, x[:size], known.get(size))[1] for size in sizes}
        self.sizes = tuple(sorted(self.runs))
        self.stretches = [partial(self._run, number) for number in range(len(parts))]
        self.inside = 0.0
        """seconds within stretches so far"""
        self._deciders: dict[Leave, Decider] = {}
        self._walks: dict[int, NativeWalk | None] = {}

    def __call__(self, x: Tensor, leave: Leave) -> Walk:
        """Take a batch from exit to exit (`bench.network.walk`)."""
        decider = self._decider(leave)
        native = self._native(len(x)) if self._is_plain(x) else None
        if native is not None:
            taken, seconds = native(x, decider)
            self.inside += seconds
            return taken
        return walk(self.stretches, x, decider)

    def _is_plain(self, x: Tensor) -> bool:
        """Whether a native walk takes a batch."""
        return (
            self.clock is WALL and type(x) is Tensor and x.is_cpu and x.dtype == torch.float32 and len(x) > 0
        )

    def _decider(self, leave: Leave) -> Decider:
        if leave not in self._deciders:
            is_own = isinstance(leave, Decision)
            self._deciders[leave] = Decider(leave, leave.policy, leave.state) if is_own else Decider(leave)
        return self._deciders[leave]

    def _native(self, batch: int) -> NativeWalk | None:
        """The native walk of a batch; None where a stretch that it may come through is no chain."""
        if batch not in self._walks:
            own = self._ready(batch)
            runs: dict[int, list[Chain]] = {}
            for size in self.sizes:
                runs[size] = [run for run in self.runs[size] if isinstance(run, Chain)]
                if self.runs[size] is own:
                    break
            whole = all(len(chains) == len(self.stretches) for chains in runs.values())
            self._walks[batch] = NativeWalk(runs) if whole else None
        return self._walks[batch]

    def _run(self, number: int, x: Tensor) -> Sequence[Tensor]:
        runs = self._ready(len(x))
        begun = self.clock()
        outputs = runs[number](x)
        if not x.is_cpu:
            wait(self.device)
        self.inside += self.clock() - begun
        return outputs

    def _ready(self, batch: int) -> list[Runnable]:
        """The stretches prepared for the largest size of at most twice this batch, else for the smallest."""
        if batch not in self.runs:
            size = max((size for size in self.sizes if size <= 2 * batch), default=min(self.sizes))
            self.runs[batch] = self.runs[size]
        return self.runs[batch]


def _prepared(
    net: Net, parts: Sequence[Part], x: Tensor, known: Way | None = None
) -> tuple[Way, list[Runnable]]:
    """The way that is fastest for batches like x, and the runnable of each part in it, in order.

    Args:
        net: to choose the way by.
        parts: of the network, each after the one before it.
        x: inputs of the first.
        known: the fastest way, found before; another is looked for where a part does not run in it.
    """

    @torch.no_grad()
    def runs(way: Way) -> list[Runnable]:
        runnables, inputs = list[Runnable](), x
        for part in parts:
            runnables.append(way.prepare(part, inputs))
            inputs = runnables[-1](inputs)[0]
        return runnables

    if known is not None:
        try:
            return known, runs(known)
        except (Unsupported, RuntimeError):
            pass
    way, runnables, _ = prepared(net.whole(), x, runs)
    return way, runnables


def without_early_exits(net: Net) -> Net:
    """The network without its early exits; all heads stay where the last one reads the logits of others."""
    if isinstance(net.head(net.exits[-1]), Linked):
        return net
    twin = copy.copy(net)
    twin._modules = dict(net._modules)
    twin.heads = nn.ModuleDict({str(net.exits[-1]): net.head(net.exits[-1])})
    return twin


def walked(
    net: Net,
    x: Tensor,
    shipped: Sequence[Shipped],
    test: Trace,
    report: Callable[[float, float, str], None] = lambda done, total, line: None,
) -> list[Walked]:
    """Timed walks of each policy at its shipped point, and of the network without early exits, for a record.

    Args:
        net: in eval mode.
        x: the first inputs of the test split, (N, *sample).
        shipped: policies, each at one operating point.
        test: the trace of the test split; its replay gives the exits to compare with.
        report: called with the rounds done, all rounds, and a line of text.
    """
    by_spec = {one.spec: one for one in shipped}
    leaves = {spec: leaves_now(one.policy, one.state) for spec, one in by_spec.items()}
    logits, last = test.logits[:, : len(x)], len(net.exits) - 1
    expected = {spec: decide(one.policy, [one.state], logits)[0] for spec, one in by_spec.items()}
    blocks = []
    for (spec, size), one in execute(net, x, leaves, report).items():
        exits = torch.full((one.samples,), last) if one.exits is None else one.exits
        readings = {"latency": one.latency} | ({} if one.routing is None else {"routing": one.routing})
        blocks.append(
            Walked(
                policy=spec,
                point=None if spec is None else by_spec[spec].point,
                batch=size,
                left=torch.bincount(exits, minlength=last + 1).tolist(),
                moved=0 if spec is None else int((exits != expected[spec][: one.samples]).sum()),
                readings=readings,
            )
        )
    return blocks


def execute(
    net: Net,
    x: Tensor,
    leaves: Mapping[str, Leave],
    report: Callable[[float, float, str], None] = lambda done, total, line: None,
    sizes: Sequence[int] = BATCHES,
    clock: Clock = WALL,
) -> dict[tuple[str | None, int], Timed]:
    """Time walks of several policies, and the network without early exits, in turn, for several batch sizes.

    Args:
        net: in eval mode.
        x: inputs, (N, *sample).
        leaves: by a policy's spec, the choice of samples that leave (`leave` of `Net.walk`).
        report: called with the rounds done, all rounds, and a line of text.
        sizes: of batches.
        clock: of all times.

    Returns:
        Times by policy and size; those of the network without its early exits under None. Sizes are left out where one
        batch would take longer than `SLOW`.
    """
    sizes, whole = [size for size in sizes if size <= len(x)] or [len(x)], without_early_exits(net)
    runs, batches, each = dict[int, Runnable](), dict[int, tuple[Tensor, ...]](), 0.0
    ways = dict[int, Way]()
    for size in sorted(sizes):
        if size * each > SLOW:
            break
        ways[size], (runs[size],) = _prepared(whole, [whole.whole()], x[:size])
        each = _seconds(runs[size], x[:size], clock) / size
        batches[size] = x[: size * _walks(size, size * each)].split(size)
    sizes = list(runs)
    walker = Walker(net, x[: max(sizes)], sizes, clock, ways)
    walks: dict[tuple[str | None, int], _Walks] = {
        (spec, size): _Walks(walker, leave, batches[size]) for spec, leave in leaves.items() for size in sizes
    }
    jobs: dict[tuple[str | None, int], Callable[[], object]] = {
        (None, size): partial(_all, runs[size], batches[size]) for size in sizes
    }
    jobs |= walks
    times = timed(
        jobs,
        x.device,
        ROUNDS,
        SECONDS,
        lambda done: report(done, ROUNDS, "exits really taken"),
        clock,
        WARM_UPS,
    )
    results = {}
    for (spec, size), taken in times.items():
        source, count = f"clock, {where(x.device)}, batches of {size}", sum(map(len, batches[size]))
        own = walks.get((spec, size))
        results[spec, size] = Timed(
            taken.reading(source, each=count),
            None if own is None else taken.part(own.routing[-len(taken.wall) :], source, each=count),
            None if own is None else own.exits,
            count,
        )
    return results


@torch.no_grad()
def _seconds(run: Runnable, x: Tensor, clock: Clock) -> float:
    """The seconds of one batch."""
    run(x)
    begun = clock()
    run(x)
    wait(x.device)
    return clock() - begun


def _walks(size: int, seconds: float) -> int:
    """The number of batches of a size in a round, from the seconds that one takes."""
    affordable = int(EACH / seconds)
    return max(-(-LEAST // size), min(WALKS, affordable))


class _Walks:
    """One policy's walks over all batches of a size, and the seconds of routing in each call."""

    def __init__(self, walker: Walker, leave: Leave, batches: Sequence[Tensor]) -> None:
        self.walker, self.leave, self.batches = walker, leave, batches
        self.routing = list[float]()
        self.exits = torch.empty(0, dtype=torch.long)

    def __call__(self) -> None:
        clock = self.walker.clock
        begun, inside = clock(), self.walker.inside
        exits = [self.walker(batch, self.leave).exits for batch in self.batches]
        self.routing.append(clock() - begun - (self.walker.inside - inside))
        self.exits = torch.cat(exits).cpu()


def _all(run: Runnable, batches: Sequence[Tensor]) -> None:
    for batch in batches:
        run(batch)
