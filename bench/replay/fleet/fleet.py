"""Fleet: devices with their links, requests and batteries, in front of servers with one waiting line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from bench.errors import SeesawError
from bench.kinds.channel import Conditions
from bench.replay.deploy.batches import ALONE, Batching
from bench.replay.deploy.link import Direction, directions
from bench.replay.fleet.chance import PLACE, moment, uniform
from bench.replay.fleet.state import Devices, Receivers, Rules, Work
from bench.replay.streams.loop import compiled

MOST_DEVICES, MOST_REQUESTS = 10_000_000, 4_000_000_000
"""The most devices of a fleet, and the most requests of all."""
SPARE = 60.0
"""Seconds of a channel's table beyond the last request, as deployments have."""


@dataclass(frozen=True)
class Group:
    """Devices with one channel.

    Attributes:
        devices: how many there are.
        work: what their policy makes of samples.
        conditions: the channel's table; each device begins at its own place of it.
    """

    devices: int
    work: Work
    conditions: Conditions

    @cached_property
    def ways(self) -> tuple[Direction, Direction]:
        """The way to the servers, and back."""
        return directions(self.conditions)


@dataclass(frozen=True)
class Fleet:
    """The devices of a fleet, and what they are asked.

    Attributes:
        groups: of devices, numbered one behind the other.
        rate: requests a second of each device, on the mean.
        seconds: for which they come.
        arrivals: poisson, or periodic: at equal distances, from a moment of each device's own.
        deadline: seconds after which an answer is late; None for none.
        spread: seconds of the channel's table within which the devices begin, at random.
        battery: joules of each device; 0 for one without end.
        warm: seconds at the beginning whose requests are not counted.
        service: constant, or exponential with the mean that is known.
        seed: of chance.
        batching: of each server.

    Raises:
        SeesawError: there is no device, no request, or more than a fleet has.
    """

    groups: tuple[Group, ...]
    rate: float
    seconds: float
    arrivals: Literal["poisson", "periodic"] = "poisson"
    deadline: float | None = None
    spread: float = 0.0
    battery: float = 0.0
    warm: float = 0.0
    service: Literal["constant", "exponential"] = "constant"
    seed: int = 0
    batching: Batching = ALONE

    def __post_init__(self) -> None:
        if not 0 < self.size <= MOST_DEVICES or any(one.devices < 1 for one in self.groups):
            raise SeesawError(
                f"A fleet of {self.size:,} devices with {len(self.groups)} channels is none. Give 1 to {MOST_DEVICES:,} devices, and no "
                "fewer than channels."
            )
        asked = self.size * self.rate * self.seconds
        if not 0 < asked <= MOST_REQUESTS:
            raise SeesawError(
                f"{asked:,.0f} requests would come in {self.seconds:g} s. Choose --devices, --rate and --seconds so that there are at most "
                f"{MOST_REQUESTS:,}."
            )
        if self.warm >= self.seconds:
            raise SeesawError(
                f"Requests come for {self.seconds:g} s, and those of the first {self.warm:g} s are not counted. Give fewer seconds to warm up."
            )

    @property
    def size(self) -> int:
        """How many devices there are."""
        return sum(one.devices for one in self.groups)

    @cached_property
    def bounds(self) -> np.ndarray:
        """The number of each group's first device, and that behind the last, int64 (groups + 1,)."""
        return np.cumsum([0, *(one.devices for one in self.groups)])

    @cached_property
    def down(self) -> tuple[Direction, np.ndarray]:
        """The ways back of all groups, one behind the other, and the place of each one's first piece, int64 (groups + 1,)."""
        ways = [one.ways[1] for one in self.groups]
        joined = Direction(*(np.concatenate(columns) for columns in zip(*ways, strict=True)))
        return joined, np.cumsum([0, *(len(one.start) for one in ways)])

    def rules(self, group: Group) -> Rules:
        """What holds for all devices, and for the radio of a group."""
        deadline = math.inf if self.deadline is None else self.deadline
        return Rules(
            self.seed, float(self.rate), self.arrivals == "periodic", float(self.seconds), float(self.warm), float(deadline),
            float(self.battery), self.service == "exponential", group.conditions.tail_seconds, group.conditions.tail_watts,
        )  # fmt: skip

    def devices(self, first: int, last: int) -> Devices:
        """Devices before their first request, from one number to another."""
        of = Devices(*_zeros(Devices._fields, last - first))
        of.up[:] = -1.0
        _begin(self.rules(self.groups[0]), first, of.next)
        _places(self.seed, first, float(self.spread), of.place)
        return of

    def receivers(self) -> Receivers:
        """The ways back to all devices before the first answer."""
        of = Receivers(*_zeros(Receivers._fields, self.size))
        _places(self.seed, 0, float(self.spread), of.place)
        return of


def _zeros(names: Iterable[str], count: int) -> Iterator[np.ndarray]:
    for name in names:
        yield np.zeros(count, np.int64 if name == "number" else np.int32 if "near" in name else np.float64)


@compiled
def _begin(rules, first, moments):
    """Write the moment of each device's first request."""
    for own in range(len(moments)):
        moments[own] = moment(rules.seed, first + own, 0, 0.0, rules.rate, rules.periodic)


@compiled
def _places(seed, first, spread, place):
    """Write each device's place in the channel's table."""
    for own in range(len(place)):
        place[own] = spread * uniform(seed, first + own, 0, PLACE)


def plain_work(
    seconds: float, sent: float, service: float, watts: float = math.nan, reply: float = 64.0
) -> Work:
    """The work of devices that all do the same: compute so many seconds, send so many bytes, and wait for the answer.

    Args:
        seconds: of the device.
        sent: bytes.
        service: seconds of a server, on the mean.
        watts: of the device while it computes.
        reply: bytes of an answer.
    """
    one, yes = np.ones((1, 1)), np.ones((1, 1), bool)
    return Work(
        seconds * one, yes, sent * one, yes, np.array([float(service)]), np.zeros(1, np.int64), np.zeros(0, np.int64), float(watts),
        float(reply),
    )  # fmt: skip


def plain_batching(service: float, full: float, largest: int, wait: float = 0.0) -> Batching:
    """How servers batch the messages of plain work: seconds lie on a line from those of one to those of a full batch.

    Args:
        service: seconds of a server for one message.
        full: for a full batch.
        largest: messages in it.
        wait: seconds for which its first message waits for others, at most.
    """
    if largest == 1:
        return ALONE
    seconds = np.concatenate([[0.0], np.linspace(service, full, largest)])
    return Batching(largest, wait, seconds[None], np.zeros(1), np.zeros(1, np.int64))


def shared_out(devices: int, conditions: Iterable[Conditions], works: Iterable[Work]) -> tuple[Group, ...]:
    """Devices shared out to channels, as evenly as can be.

    Args:
        devices: how many there are.
        conditions: the channels' tables.
        works: what the policy makes of samples on each; of plain work every piece takes its one arm.
    """
    pairs = list(zip(conditions, works, strict=True))
    sizes = [devices // len(pairs) + (number < devices % len(pairs)) for number in range(len(pairs))]
    return tuple(
        Group(size, work if len(work.arms) else work._replace(arms=np.zeros(len(table), np.int64)), table)
        for size, (table, work) in zip(sizes, pairs, strict=True)
    )
