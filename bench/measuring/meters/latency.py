"""Latency: the network really executed, exit by exit and cut by cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.execution.backends import Way
from bench.execution.clock import Times, timed, where
from bench.execution.fast import prepared
from bench.kinds.meter import Measurement, Meter, Subject
from bench.network.net import Net, Part, ToExit
from bench.records.notes import OUT_OF_ORDER
from bench.records.reading import Reading

Jobs = dict[tuple[str, int], Callable[[], object]]
"""The calls to time, by place (`device` or `server` at a cut, `exit` or `parent` to an exit) and number."""
Rounds = dict[tuple[str, int], Times]
SHORT = 1e-3
"""Calls that take fewer seconds are warmed: what ran before them would show in their times."""


class Latency(Meter):
    """Seconds to each exit, and of each cut's two parts: median and quartiles of interleaved rounds.

    A network that is not dense is timed in turn with its dense parent, executed in the parent's fastest way.
    `speedup` is the parent's time over the network's to the same exit, round by round, so that slow moments
    of the machine cancel out.

    To an exit the network is timed without the feature that would cross behind it. An exit that is slower than a deeper
    one beyond the quartiles of both is timed again beside it; where that remains, its reading is called unreliable, as one
    of a disturbed machine is, and a note names the deeper exit.
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
            warmed=SHORT,
        )
        again = [key for key in rounds if key[0] == "exit" or key in parent]
        slower = out_of_order(rounds)
        if slower:
            rounds |= timed(
                {key: (jobs | parent)[key] for key in again},
                subject.device,
                self.rounds,
                self.seconds,
                warmed=SHORT,
            )
            slower = out_of_order(rounds)
        if slower:
            measurement.notes[OUT_OF_ORDER] = {str(n): deeper for n, deeper in slower.items()}
        for number in range(len(net.exits)):
            times = rounds["exit", number]
            readings = {"latency": times.reading(source)}
            if ("parent", number) in rounds:
                beside = f"dense parent timed in turn ({parent_way}), {source}"
                readings["speedup"] = rounds["parent", number].over(times, beside)
            measurement.exits[number] = {
                name: _doubted(one) if number in slower else one for name, one in readings.items()
            }
        for (place, number), times in rounds.items():
            if place in ("device", "server"):
                measurement.cuts.setdefault(number, {})[f"latency.{place}"] = times.reading(source)
        measurement.cuts.setdefault(len(net.stages), {})["latency.device"] = measurement.exits[
            len(net.exits) - 1
        ]["latency"]
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
            lambda way: {("parent", n): _job(way, ToExit(parent, stage), x) for n, stage in both},
        )
        return jobs, way.name

    def _inputs(self, subject: Subject) -> Tensor:
        x = subject.net.sample.blank(self.batch, subject.device)
        if x.is_floating_point():
            x = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
        return x


def out_of_order(rounds: Rounds) -> dict[int, int]:
    """By the number of an exit, the first deeper one than which it is slower, beyond the quartiles of both."""
    exits = sorted(number for place, number in rounds if place == "exit")
    pairs = [(one, deeper) for one in exits for deeper in reversed(exits) if deeper > one]
    return {n: deeper for n, deeper in pairs if rounds["exit", n].is_slower(rounds["exit", deeper])}


def _doubted(reading: Reading) -> Reading:
    """A reading that no ranking takes."""
    return reading.model_copy(update={"disturbed": reading.n})


def _jobs(net: Net, x: Tensor, way: Way) -> Jobs:
    """The calls to time: to every exit, and both parts of every cut; the device's part of the last is that to the last exit."""
    jobs: Jobs = {}
    with torch.no_grad():
        for k in range(len(net.stages) + 1):
            front, back = net.cut(k)
            if 0 < k < len(net.stages):
                jobs["device", k] = _job(way, front, x)
            if k < len(net.stages):
                jobs["server", k] = _job(way, back, front(x))
        for n, stage in enumerate(net.exits):
            jobs["exit", n] = _job(way, ToExit(net, stage), x)
    return jobs


def _job(way: Way, part: Part, x: Tensor) -> Callable[[], object]:
    run = way.prepare(part, x)
    return lambda: run(x)
