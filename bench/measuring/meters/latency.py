"""Latency: the network really executed, exit by exit and cut by cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.execution.backends import Way
from bench.execution.clock import timed, where
from bench.execution.fast import prepared
from bench.kinds.meter import Measurement, Meter, Subject
from bench.network.net import Net, Part

Jobs = dict[tuple[str, int], Callable[[], object]]
"""The calls to time, by place (`device` or `server` at a cut, `parent` to an exit) and number."""


class Latency(Meter):
    """Seconds to each exit, and of each cut's two parts: median and quartiles of interleaved rounds.

    A network that is not dense is timed in turn with its dense parent, executed in the parent's fastest way.
    `speedup` is the parent's time over the network's to the same exit, round by round, so that slow moments
    of the machine cancel out.
    """

    quiet: ClassVar[bool] = True

    batch: Annotated[int, Field(ge=1)] = 1
    """samples in one call"""
    rounds: Annotated[int, Field(ge=3)] = 30
    """how often every part is timed undisturbed, at most; rounds end sooner when all medians are within 5%"""
    seconds: Annotated[float, Field(gt=0)] = 10.0
    """stop after the round in which this much time has passed"""

    def measure(self, subject: Subject) -> Measurement:
        """Time all parts in turn, round by round, so that a slow moment of the machine falls on all alike."""
        net, x = subject.net, self._inputs(subject)
        measurement = Measurement()
        way, jobs, measurement.notes["no native chain"] = prepared(
            net.whole(), x, lambda way: _jobs(net, x, way)
        )
        parent, parent_way = self._parent(subject, x)
        source = f"clock, {where(subject.device)}, batch {self.batch}, {way.name}"
        rounds = timed(
            jobs | parent,
            subject.device,
            self.rounds,
            self.seconds,
            lambda done: subject.report(done, self.rounds, "latency"),
        )
        to_exit = [rounds["device", stage + 1] for stage in net.exits]
        measurement.exits = {n: {"latency": times.reading(source)} for n, times in enumerate(to_exit)}
        for (place, number), times in rounds.items():
            if place == "parent":
                beside = f"dense parent timed in turn ({parent_way}), {source}"
                measurement.exits[number]["speedup"] = times.over(to_exit[number], beside)
            else:
                measurement.cuts.setdefault(number, {})[f"latency.{place}"] = times.reading(source)
        return measurement

    def _parent(self, subject: Subject, x: Tensor) -> tuple[Jobs, str]:
        """The calls to time in the dense parent, up to exits that both networks have, and its way's name."""
        if subject.parent is None:
            return {}, ""
        parent = subject.parent().eval()
        both = [(n, stage) for n, stage in enumerate(subject.net.exits) if stage in parent.exits]
        way, jobs, _ = prepared(
            parent.whole(),
            x,
            lambda way: {("parent", n): _job(way, Part(parent, 0, stage + 1), x) for n, stage in both},
        )
        return jobs, way.name

    def _inputs(self, subject: Subject) -> Tensor:
        x = subject.net.sample.blank(self.batch, subject.device)
        if x.is_floating_point():
            x = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
        return x


def _jobs(net: Net, x: Tensor, way: Way) -> Jobs:
    """The calls to time: both parts of every cut. The device's part of a cut behind an exit is the network up to it."""
    jobs: Jobs = {}
    with torch.no_grad():
        for k in range(len(net.stages) + 1):
            front, back = net.cut(k)
            if k > 0:
                jobs["device", k] = _job(way, front, x)
            if k < len(net.stages):
                jobs["server", k] = _job(way, back, front(x))
    return jobs


def _job(way: Way, part: Part, x: Tensor) -> Callable[[], object]:
    run = way.prepare(part, x)
    return lambda: run(x)
