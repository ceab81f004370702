"""The clock: jobs timed in turn, in rounds that nothing else disturbed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

import torch

from bench.machine import WALL, Clock
from bench.records.reading import Reading

Key = TypeVar("Key")

PAUSE = 0.02
"""Seconds to wait when something else disturbs the machine."""

DISTURBED = 1.25
"""The longest time of the probe, over its shortest, in a round that counts."""


def timed(
    jobs: Mapping[Key, Callable[[], object]],
    device: torch.device,
    rounds: int,
    seconds: float,
    report: Callable[[int], None] = lambda done: None,
    clock: Clock = WALL,
) -> tuple[dict[Key, list[float]], int]:
    """Seconds of every job in every round, and how many rounds had to be taken although the machine was disturbed.

    All jobs are timed in turn, round by round, so that a slow moment of the machine falls on all alike.

    Args:
        jobs: the calls to time, by key.
        device: where they run.
        rounds: how many, at most.
        seconds: stop after the round in which this much time has passed; three rounds are taken in any case.
        report: called with the rounds done.
        clock: of all times.
    """
    times: dict[Key, list[float]] = {key: [] for key in jobs}
    probe, done, disturbed = Probe(device, clock), 0, 0
    with torch.no_grad():
        for job in jobs.values():
            job()
            job()
        begun = clock()
        while done < rounds and (done < 3 or clock() - begun < seconds):
            late = clock() - begun > seconds / 2
            if not late and probe.disturbed():
                clock.sleep(PAUSE)
                continue
            report(done)
            lap = {key: _once(job, device, clock) for key, job in jobs.items()}
            if probe.disturbed():
                if not late:
                    continue
                disturbed += 1
            for key, taken in lap.items():
                times[key].append(taken)
            done += 1
    return times, disturbed


def spread(times: Sequence[float], source: str) -> Reading:
    """Median and quartiles of times, in seconds."""
    low, middle, high = statistics.quantiles(times, n=4)
    return Reading(value=middle, low=low, high=high, n=len(times), unit="s", source=source)


class Probe:
    """A fixed piece of work; its time shows whether something else disturbs the machine.

    A round of timings counts when the probe before and after it took at most `DISTURBED` times the shortest
    time in this process. On an accelerator, supposed to have no other user, nothing is disturbed.
    """

    shortest: ClassVar[dict[int, float]] = {}
    """by the number of threads"""

    def __init__(self, device: torch.device, clock: Clock = WALL) -> None:
        self.clock = clock
        self.works = device.type == "cpu"
        self.matrix = torch.ones(192, 192)
        self.threads = torch.get_num_threads()
        if self.works:
            for _ in range(20):
                self._time()

    def _time(self) -> float:
        start = self.clock()
        torch.mm(self.matrix, self.matrix)
        seconds = self.clock() - start
        self.shortest[self.threads] = min(seconds, self.shortest.get(self.threads, seconds))
        return seconds

    def disturbed(self) -> bool:
        """Whether the machine is slower now than it can be."""
        if not self.works:
            return False
        seconds = statistics.median(self._time() for _ in range(3))
        return seconds > DISTURBED * self.shortest[self.threads]


def _once(job: Callable[[], object], device: torch.device, clock: Clock) -> float:
    wait(device)
    start = clock()
    job()
    wait(device)
    return clock() - start


def wait(device: torch.device) -> None:
    """Wait until an accelerator has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def where(device: torch.device) -> str:
    """A device in words, the CPU with its number of threads."""
    if device.type == "cpu":
        return f"cpu, {torch.get_num_threads()} threads"
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
