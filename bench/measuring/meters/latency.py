"""Latency: the network really executed, exit by exit and cut by cut."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.execution.backends import Way
from bench.execution.clock import Times, timed, where
from bench.execution.fast import prepared
from bench.kinds.meter import Measurement, Meter, Subject
from bench.measuring.dense import PARENT, Jobs, dense_beside, job
from bench.network.linked import Linked
from bench.network.net import HeadAlone, Net, ToExit
from bench.records.notes import DENSE_WAYS, FASTEST, OUT_OF_ORDER
from bench.records.reading import Reading

Rounds = dict[tuple[str, int], Times]
SHORT = 1e-3
"""Calls that take fewer seconds are warmed: what ran before them would show in their times."""


class Latency(Meter):
    """Seconds to each exit, and of each cut's two parts: median and quartiles of interleaved rounds.

    A network that is not dense is timed in turn with its dense parent, executed in the parent's fastest way.
    `speedup` is the parent's time over the network's to the same exit, round by round, so that slow moments
    of the machine cancel out; the parent runs in PyTorch's kernels or as a chain. `speedup.fastest` is the same over the
    fastest dense way there is here, which may be an engine's (ONNX Runtime, OpenVINO): a dense network has it too.

    `latency.head` of an early exit is its head alone, on the feature that it hangs on; a head that reads other exits' logits
    has none. To an exit the network is timed without the feature that would cross behind it. An exit that is slower than a deeper
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
        dense = dense_beside(subject, x, way)
        source = f"clock, {where(subject.device)}, batch {self.batch}, {way.name}"
        rounds = timed(
            jobs | dense.jobs,
            subject.device,
            self.rounds,
            self.seconds,
            lambda done: subject.report(done, self.rounds, "latency"),
            warmed=SHORT,
        )
        again = [key for key in rounds if key[0] == "exit" or key in dense.jobs]
        slower = out_of_order(rounds)
        if slower:
            rounds |= timed(
                {key: (jobs | dense.jobs)[key] for key in again},
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
            if (PARENT, number) in rounds:
                beside = f"dense parent timed in turn ({dense.way}), {source}"
                readings["speedup"] = rounds[PARENT, number].over(times, beside)
            measurement.exits[number] = readings
        for (place, number), times in rounds.items():
            if place == "head":
                measurement.exits[number]["latency.head"] = times.reading(source)
            if place in ("device", "server"):
                measurement.cuts.setdefault(number, {})[f"latency.{place}"] = times.reading(source)
        if dense.reason is None:
            name, keys = dense.fastest(rounds)
            for number, key in keys.items():
                beside = f"fastest dense way timed in turn ({name}), {source}"
                measurement.exits[number][FASTEST] = rounds[key].over(rounds["exit", number], beside)
            measurement.notes[DENSE_WAYS] = dense.rows(rounds)
        else:
            measurement.absent[FASTEST] = dense.reason
        for number in slower:
            doubted = {name: _doubted(one) for name, one in measurement.exits[number].items()}
            measurement.exits[number] = doubted
        last = measurement.exits[len(net.exits) - 1]["latency"]
        measurement.cuts.setdefault(len(net.stages), {})["latency.device"] = last
        return measurement

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
    """The calls to time: to every exit, early heads alone, and both parts of every cut; the device's part of the last is that to
    the last exit.
    """
    jobs: Jobs = {}
    with torch.no_grad():
        for k in range(len(net.stages) + 1):
            front, back = net.cut(k)
            if 0 < k < len(net.stages):
                jobs["device", k] = job(way, front, x)
            if k < len(net.stages):
                jobs["server", k] = job(way, back, front(x))
        for n, stage in enumerate(net.exits):
            jobs["exit", n] = job(way, ToExit(net, stage), x)
        for n, stage in enumerate(net.exits[:-1]):
            if not isinstance(net.head(stage), Linked):
                jobs["head", n] = job(way, HeadAlone(net, stage), net.cut(stage + 1)[0](x))
    return jobs
