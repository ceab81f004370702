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
        for (place, number), times in self._rounds(jobs, subject).items():
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
    ) -> dict[tuple[str, int], list[float]]:
        times: dict[tuple[str, int], list[float]] = {key: [] for key in jobs}
        with torch.no_grad():
            for job in jobs.values():
                job()
                job()
            begun = time.perf_counter()
            for done in range(self.rounds):
                subject.report(done, self.rounds, "latency")
                for key, job in jobs.items():
                    times[key].append(_timed(job, subject.device))
                if done >= 2 and time.perf_counter() - begun > self.seconds:
                    break
        return times


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
