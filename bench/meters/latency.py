"""Latency: the network really executed, exit by exit and cut by cut."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.meter import Found, Meter, Reading, Subject
from bench.net import Net, Part

PAUSE = 0.02
"""Seconds to wait when something else disturbs the machine."""

DISTURBED = 1.25
"""How much longer than at its best the probe may take."""

TRIALS = 9
"""Rounds in which the two layouts are compared before the better one is measured."""


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
        net, x, layout = _faster(subject.net, self._inputs(subject), subject.device)
        found = Found()
        jobs = {("exit", n): _job(Part(net, 0, stage + 1), x) for n, stage in enumerate(net.exits)}
        jobs |= _cut_jobs(net, x)
        source = f"clock, {_where(subject.device)}, batch {self.batch}, {layout}, dense kernels"
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


def _faster(net: Net, x: Tensor, device: torch.device) -> tuple[Net, Tensor, str]:
    """The net and its inputs in the layout of images that runs faster here, of the two that PyTorch has."""
    if x.dim() != 4 or not any(isinstance(module, nn.Conv2d) for module in net.modules()):
        return net, x, "one layout"
    layouts = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
    forms = {
        name: (copy.deepcopy(net).to(memory_format=f), x.to(memory_format=f)) for name, f in layouts.items()
    }
    times: dict[str, list[float]] = {name: [] for name in forms}
    with torch.no_grad():
        for _ in range(TRIALS):
            for name, (form, inputs) in forms.items():
                times[name].append(_timed(lambda form=form, inputs=inputs: form(inputs), device))
    best = min(times, key=lambda name: statistics.median(times[name]))
    return *forms[best], best


def _timed(job: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    job()
    _wait(device)
    return time.perf_counter() - start


def _job(part: Part, x: Tensor) -> Callable[[], object]:
    return lambda: part.answers(x)


def _cut_jobs(net: Net, x: Tensor) -> dict[tuple[str, int], Callable[[], object]]:
    jobs: dict[tuple[str, int], Callable[[], object]] = {}
    with torch.no_grad():
        for k in range(len(net.stages) + 1):
            front, back = net.cut(k)
            if k > 0:
                jobs["device", k] = _job(front, x)
            if k < len(net.stages):
                jobs["server", k] = _job(back, front(x))
    return jobs


def _where(device: torch.device) -> str:
    if device.type == "cpu":
        return f"cpu, {torch.get_num_threads()} threads"
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
