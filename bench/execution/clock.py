"""The clock: jobs timed in turn, and which of their timings other programs have disturbed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from bench.machine import WALL, Clock
from bench.records.reading import Reading

Key = TypeVar("Key")

LEAST = 3
"""Timings that a reading needs: so many rounds are taken in any case."""
WAITED, MOMENT = 0.05, 2e-6
"""A call is disturbed when threads of this process wait for a core for a larger share of it than this, and longer (s)."""
DIGITS = 7
"""Digits of a time or of a ratio of times that are told: the clock has no more in a millisecond, and records are shorter."""
TIGHT = 0.05
"""A job is timed well enough when the 95% interval of its median is at most this share of it."""


@dataclass
class Times:
    """The timings of one job, call by call.

    Attributes:
        wall: seconds of each call.
        processor: seconds of each in which the calling thread computed.
        disturbed: whether threads of this process waited for a core meanwhile.
    """

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    disturbed: list[bool] = field(default_factory=list)

    def reading(self, source: str, *, each: int = 1) -> Reading:
        """Median and quartiles of the seconds for one of `each` samples; the processor's median beside them."""
        calls, _ = _counting(self.disturbed)
        own = _told(statistics.median(self.processor[call] for call in calls) / each)
        return self.part(self.wall, source, each=each).model_copy(update={"processor": own})

    def part(self, seconds: list[float], source: str, *, each: int = 1) -> Reading:
        """Median and quartiles of other seconds of the same calls, such as of one step in each."""
        calls, disturbed = _counting(self.disturbed)
        return spread([seconds[call] / each for call in calls], source, disturbed)

    def over(self, other: Times, source: str) -> Reading:
        """This job's time over another's, round by round: median and quartiles of the ratios."""
        both = [a or b for a, b in zip(self.disturbed, other.disturbed, strict=True)]
        calls, disturbed = _counting(both)
        reading = spread([self.wall[call] / other.wall[call] for call in calls], source, disturbed)
        return reading.model_copy(update={"unit": "x"})

    def is_slower(self, other: Times) -> bool:
        """Whether this job is slower than another beyond the quartiles of both, and neither was disturbed."""
        one, two = self.reading(""), other.reading("")
        assert one.low is not None
        assert two.high is not None
        return one.is_reliable and two.is_reliable and one.low > two.high

    @property
    def is_settled(self) -> bool:
        """Whether more calls would hardly move the median."""
        clean = sorted(seconds for seconds, bad in zip(self.wall, self.disturbed, strict=True) if not bad)
        least = math.floor(
            (len(clean) - 1.96 * math.sqrt(len(clean))) / 2
        )  # of order statistics: Conover, 3.2
        if least < 1:
            return False
        return clean[-1 - least] - clean[least] <= TIGHT * statistics.median(clean)


def _counting(disturbed: list[bool]) -> tuple[list[int], int]:
    """The calls that count: the undisturbed ones, or all where these are too few; and how many of them are disturbed."""
    clean = [call for call, bad in enumerate(disturbed) if not bad]
    return (clean, 0) if len(clean) >= LEAST else (list(range(len(disturbed))), len(disturbed) - len(clean))


def timed(
    jobs: Mapping[Key, Callable[[], object]],
    device: torch.device,
    rounds: int,
    seconds: float,
    report: Callable[[int], None] = lambda done: None,
    clock: Clock = WALL,
    warm_ups: int = 2,
    warmed: float = 0.0,
) -> dict[Key, Times]:
    """The timings of every job, in turn and round by round, so that a slow moment of the machine falls on all alike.

    Rounds end when every job has so many undisturbed timings, or fewer that are tight enough.

    Args:
        jobs: the calls to time, by key.
        device: where they run. On an accelerator, supposed to have no other user, nothing is disturbed.
        rounds: how many undisturbed ones, at most.
        seconds: stop after the round in which this much time has passed; three rounds are taken in any case.
        report: called with the rounds done.
        clock: of all times.
        warm_ups: untimed calls of each job before its first timing.
        warmed: jobs that take fewer seconds are called untimed before each timing, so that none is timed on caches that
            another one filled.
    """
    times = {key: Times() for key in jobs}
    with torch.no_grad():
        for job in jobs.values():
            for _ in range(warm_ups):
                job()
        waited, begun, done = clock.waiting(), clock(), 0
        while done < LEAST or (clock() - begun < seconds and not _are_done(times.values(), rounds)):
            report(done)
            for key, job in jobs.items():
                if times[key].wall and times[key].wall[-1] < warmed:
                    job()
                _time(job, times[key], device, clock, waited)
            done += 1
    return times


def _are_done(times: Iterable[Times], rounds: int) -> bool:
    return all(one.disturbed.count(False) >= rounds or one.is_settled for one in times)


def _time(
    job: Callable[[], object], times: Times, device: torch.device, clock: Clock, waited: Callable[[], float]
) -> None:
    """Time one call."""
    wait(device)
    waited_before, own_before, start = waited(), clock.processor(), clock()
    job()
    wait(device)
    wall, own, lost = clock() - start, clock.processor() - own_before, waited() - waited_before
    times.wall.append(wall)
    times.processor.append(own)
    times.disturbed.append(device.type == "cpu" and lost > max(WAITED * wall, MOMENT))


def spread(times: list[float], source: str, disturbed: int = 0) -> Reading:
    """Median and quartiles of times, in seconds.

    Args:
        times: the seconds.
        source: of the reading.
        disturbed: how many of them were taken while other programs had the processor.
    """
    low, middle, high = map(_told, statistics.quantiles(times, n=4))
    return Reading(
        value=middle, low=low, high=high, n=len(times), unit="s", source=source, disturbed=disturbed
    )


def _told(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


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
