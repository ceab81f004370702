"""Profile: the parts of a network, its heads and its codecs timed on this machine, by batch size."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, get_args

import torch
from torch import Tensor

from bench.execution.backends import Way
from bench.execution.clock import Times, timed, where
from bench.execution.fast import prepared
from bench.kinds.codec import Codec
from bench.kinds.sending import messages_of, receive
from bench.kinds.task import Data
from bench.machine import WALL, Clock
from bench.measuring.meters.energy import Counter, nvml, rapl
from bench.network.crossing import Crossing
from bench.network.linked import logits_of
from bench.network.net import Net, Part
from bench.records.profile import Part as PartName
from bench.records.profile import Timing
from bench.records.reading import Reading

WINDOW, WINDOWS = 1.0, 5
"""Seconds for which the network runs between two readings of a counter, and how often."""


class Key(NamedTuple):
    """A part of a network, as `bench.records.profile.Timing` names it."""

    part: PartName
    number: int
    codec: str = ""


Jobs = dict[Key, Callable[[], object]]


class Limits(NamedTuple):
    """How long parts are timed.

    Attributes:
        rounds: how often each is timed undisturbed, at most.
        seconds: for the parts of one batch size, and as much for its codecs; three rounds are taken in any case.
    """

    rounds: int = 30
    seconds: float = 20.0


@torch.no_grad()
def profiled(
    net: Net,
    data: Data,
    codecs: Mapping[int, Mapping[str, Codec]],
    batches: Sequence[int],
    device: torch.device,
    limits: Limits,
    report: Callable[[str], None] = lambda line: None,
) -> list[Timing]:
    """Time every part of a network.

    Stages and heads are executed in the way that is fastest here, as a shipped part is. A head takes what its exit takes beyond the
    stages before it. Codecs encode features of calibration samples, one by one, frames included.

    Args:
        net: in eval mode, on `device`.
        data: of which calibration samples are taken.
        codecs: by cut, all but the last, and by spec; those of cut 0 take inputs before they are scaled.
        batches: sizes.
        device: where the network computes.
        limits: of the timing.
        report: called with a line of text.
    """
    timings = []
    for batch in batches:
        raw = data.calibration.inputs[torch.arange(batch) % len(data.calibration.labels)]
        x = data.scale(raw.to(device))
        report(f"stages and heads, batch {batch}")
        way, jobs, _ = prepared(net.whole(), x, partial(_parts, net, x))
        source = f"clock, {where(device)}, batch {batch}"
        taken = timed(jobs, device, limits.rounds, limits.seconds)
        readings = {key: one.reading(f"{source}, {way.name}") for key, one in taken.items()}
        readings |= {
            Key("head", number): _more(
                taken[Key("exit", number)], taken[Key("device", stage + 1)], f"{source}, {way.name}"
            )
            for number, stage in enumerate(net.exits[:-1])
        }
        report(f"codecs, batch {batch}")
        cpu = torch.device("cpu")
        encoded = timed(dict(_codecs(net, x, raw, codecs)), cpu, limits.rounds, limits.seconds)
        readings |= {key: one.reading(f"clock, {where(cpu)}, batch {batch}") for key, one in encoded.items()}
        nothing = (Key("device", 0), Key("server", len(net.stages)), Key("head", len(net.exits) - 1))
        readings |= dict.fromkeys(
            nothing, Reading(value=0.0, unit="s", source="nothing to compute, or counted with the network")
        )
        timings += [
            Timing(part=key.part, number=key.number, codec=key.codec, batch=batch, seconds=readings[key])
            for key in sorted(readings, key=_place)
        ]
    return timings


def _place(key: Key) -> tuple[int, int, str]:
    return get_args(PartName).index(key.part), key.number, key.codec


def _more(one: Times, other: Times, source: str) -> Reading:
    """The seconds that a job takes beyond another, round by round, at least none."""
    return one.part(
        [max(a - b, 0.0) for a, b in zip(one.wall, other.wall, strict=True)],
        f"{source}, beyond the stages alone",
    )


class _Bare(Part):
    """A part that gives what crosses the cut behind it, or the last logits, and computes no head that this does not need."""

    def run(self, x: Tensor) -> list[Tensor]:
        return [self.forward(x)]


class _Exit(Part):
    """A part that gives the logits of its last exit, and computes no head before it that this does not need."""

    def run(self, x: Tensor) -> list[Tensor]:
        if self.needs_heads or self.final:
            return [self.answers(x)[1][-1]]
        feature = self.forward(x)
        return [logits_of(self.heads[str(self.stop - 1)], feature, [])[0]]


def _parts(net: Net, x: Tensor, way: Way) -> Jobs:
    """The device's part and the server's of every cut without the heads on the way, and the way to every exit."""
    last = len(net.stages)
    jobs: Jobs = {}
    for k in range(last + 1):
        front = _Bare(net, 0, k)
        if k > 0:
            jobs[Key("device", k)] = _job(way, front, x)
        if k < last:
            jobs[Key("server", k)] = _job(way, _Bare(net, k, last), front(x))
    return jobs | {
        Key("exit", n): _job(way, _Exit(net, 0, stage + 1), x) for n, stage in enumerate(net.exits)
    }


def _job(way: Way, part: Part, x: Tensor) -> Callable[[], object]:
    run = way.prepare(part, x)
    return lambda: run(x)


def _codecs(
    net: Net, x: Tensor, raw: Tensor, codecs: Mapping[int, Mapping[str, Codec]]
) -> Iterator[tuple[Key, Callable[[], object]]]:
    """Both sides of every codec at every cut but the last."""
    for k in range(len(net.stages)):
        cut = net.crossing(k) if k else Crossing(tuple(raw.shape[1:]), 0, net.classes)
        feature = net.cut(k)[0](x).float().cpu() if k else raw
        for name, codec in codecs[k].items():
            messages = [one.frames for one in messages_of(cut, feature, codec)]
            yield Key("encoder", k, name), partial(messages_of, cut, feature, codec)
            yield Key("decoder", k, name), partial(receive, cut, messages, codec)


def watts(net: Net, x: Tensor, device: torch.device, clock: Clock = WALL) -> Reading | str:
    """The power of the machine's counter while the whole network runs, or why there is none.

    It is all that the counter counts, at idle too: what a device takes while it computes.

    Args:
        net: in eval mode, on `device`.
        x: a batch of inputs.
        device: where it computes.
        clock: of the windows.
    """
    counter = nvml(device) if device.type == "cuda" else rapl()
    return counter if isinstance(counter, str) else power(counter, partial(net, x), device, clock)


@torch.no_grad()
def power(counter: Counter, job: Callable[[], object], device: torch.device, clock: Clock = WALL) -> Reading:
    """The power of a counter while a job is repeated: median and quartiles of windows."""
    samples = []
    for _ in range(WINDOWS):
        begun, before = clock(), counter.joules()
        while clock() - begun < WINDOW:
            job()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        samples.append((counter.joules() - before) / (clock() - begun))
    low, middle, high = statistics.quantiles(samples, n=4)
    return Reading(
        value=middle, low=low, high=high, n=WINDOWS, unit="W", source=f"{counter.source}, idle included"
    )
