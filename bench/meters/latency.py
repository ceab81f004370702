"""Latency: the network really executed, exit by exit and cut by cut."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.engine.compile import Unsupported
from bench.engine.ways import Way, fastest, wait
from bench.meter import Found, Meter, Reading, Subject
from bench.net import Net, Part

PAUSE = 0.02
"""Seconds to wait when something else disturbs the machine."""

DISTURBED = 1.25
"""How much longer than at its best the probe may take."""


class Latency(Meter):
    """Seconds to each exit, and of each cut's two parts: median and quartiles of interleaved rounds."""

    quiet: ClassVar[bool] = True

    batch: Annotated[int, Field(ge=1)] = 1
    """samples in one call"""
    rounds: Annotated[int, Field(ge=3)] = 30
    """how often every part is timed, at most"""
    seconds: Annotated[float, Field(gt=0)] = 10.0
    """stop after the round in which this much time has passed"""

    def measure(self, subject: Subject) -> Found:
        """Time all parts in turn, round by round, so that a slow moment of the machine falls on all alike."""
        net, x = subject.net, self._inputs(subject)
        found = Found()
        way, found.notes["no native chain"] = fastest(net, x)
        try:
            jobs = _jobs(net, x, way)
        except Unsupported:  # of a part that the whole does not show, such as one that only sends
            way, found.notes["no native chain"] = fastest(net, x, chains=False)
            jobs = _jobs(net, x, way)
        source = f"clock, {_where(subject.device)}, batch {self.batch}, {way.name}"
        rounds, found.notes["rounds timed on a disturbed machine"] = self._rounds(jobs, subject)
        for (place, number), times in rounds.items():
            low, middle, high = statistics.quantiles(times, n=4)
            reading = Reading(value=middle, low=low, high=high, n=len(times), unit="s", source=source)
            if place == "exit":
                found.exits.setdefault(number, {})["latency"] = reading
            else:
                found.cuts.setdefault(number, {})[f"latency.{place}"] = reading
        return found

    def _inputs(self, subject: Subject) -> Tensor:
        x = subject.net.sample.blank(self.batch, subject.device)
        if x.is_floating_point():
            x = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
        return x

    def _rounds(
        self, jobs: dict[tuple[str, int], Callable[[], object]], subject: Subject
    ) -> tuple[dict[tuple[str, int], list[float]], int]:
        """The times of every job, and how many rounds had to be taken although the machine was disturbed."""
        times: dict[tuple[str, int], list[float]] = {key: [] for key in jobs}
        probe, done, disturbed = Probe(subject.device), 0, 0
        with torch.no_grad():
            for job in jobs.values():
                job()
                job()
            begun = time.perf_counter()
            while done < self.rounds and (done < 3 or time.perf_counter() - begun < self.seconds):
                late = time.perf_counter() - begun > self.seconds / 2
                if not late and probe.disturbed():
                    time.sleep(PAUSE)
                    continue
                subject.report(done, self.rounds, "latency")
                found = {key: _timed(job, subject.device) for key, job in jobs.items()}
                if probe.disturbed():
                    if not late:
                        continue
                    disturbed += 1
                for key, seconds in found.items():
                    times[key].append(seconds)
                done += 1
        return times, disturbed


class Probe:
    """A fixed piece of work, by whose time one tells whether something else disturbs the machine.

    A round of timings counts when the probe before and after it took at most `DISTURBED` times the shortest that this
    process has seen. On an accelerator, which nobody else is supposed to use, nothing is disturbed.
    """

    shortest: ClassVar[dict[int, float]] = {}
    """by the number of threads"""

    def __init__(self, device: torch.device) -> None:
        self.works = device.type == "cpu"
        self.matrix = torch.ones(192, 192)
        self.threads = torch.get_num_threads()
        if self.works:
            for _ in range(20):
                self._time()

    def _time(self) -> float:
        start = time.perf_counter()
        torch.mm(self.matrix, self.matrix)
        seconds = time.perf_counter() - start
        self.shortest[self.threads] = min(seconds, self.shortest.get(self.threads, seconds))
        return seconds

    def disturbed(self) -> bool:
        """Whether the machine is slower now than it can be."""
        if not self.works:
            return False
        seconds = statistics.median(self._time() for _ in range(3))
        return seconds > DISTURBED * self.shortest[self.threads]


def _timed(job: Callable[[], object], device: torch.device) -> float:
    wait(device)
    start = time.perf_counter()
    job()
    wait(device)
    return time.perf_counter() - start


def _jobs(net: Net, x: Tensor, way: Way) -> dict[tuple[str, int], Callable[[], object]]:
    """What is timed: the network up to every exit, and every cut's two parts."""
    jobs = {("exit", n): _job(way, Part(net, 0, stage + 1), x) for n, stage in enumerate(net.exits)}
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


def _where(device: torch.device) -> str:
    if device.type == "cpu":
        return f"cpu, {torch.get_num_threads()} threads"
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
