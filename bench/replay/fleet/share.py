"""Share: some of a fleet's devices, which go on stretch by stretch; shares of one fleet may be on several machines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from bench.replay.fleet.fleet import Fleet
from bench.replay.fleet.line import joined, more, room
from bench.replay.fleet.sending import send
from bench.replay.fleet.state import Messages
from bench.replay.fleet.tally import Tally

LEAST = 1 << 15
"""Requests that come in a stretch which is simulated at once, at least, on the mean; and messages that there is room for at first."""


class Spent(NamedTuple):
    """What came of a share's devices.

    Attributes:
        tally: of requests that no server has answered.
        joules: of all devices.
        empty: devices whose battery is empty.
    """

    tally: Tally
    joules: float
    empty: int


class Share:
    """The devices of a fleet from one number to another.

    Args:
        fleet: whose devices they are.
        first: number of the first one.
        last: that behind the last.
    """

    def __init__(self, fleet: Fleet, first: int, last: int) -> None:
        self.fleet, self.first, self.last = fleet, first, last
        self.devices, self.tally = fleet.devices(first, last), Tally.blank()
        self.rules = [fleet.rules(one) for one in fleet.groups]

    @property
    def parts(self) -> list[tuple[int, int, int]]:
        """The number of each group that has devices here, its first one here, and that behind its last."""
        bounds = self.fleet.bounds.tolist()
        pairs = [(max(low, self.first), min(high, self.last)) for low, high in itertools.pairwise(bounds)]
        return [(number, low, high) for number, (low, high) in enumerate(pairs) if low < high]

    def go(self, until: float, messages: Messages, filled: int) -> tuple[Messages, int]:
        """Let the devices go on until whatever they send next arrives no sooner than a moment.

        Returns:
            (messages with theirs behind the first `filled`, with more room where it was needed; how many there are).
        """
        for number, at, last in self.parts:
            group = self.fleet.groups[number]
            while at < last:
                at, filled = send(
                    at, last, self.first, until, group.work, group.ways[0], self.rules[number], self.devices, messages, filled, self.tally
                )  # fmt: skip
                if at < last:
                    messages = more(messages)
        return messages, filled

    @property
    def is_over(self) -> bool:
        """Whether no device makes a request any more."""
        return not (self.devices.next < self.fleet.seconds).any()

    def spent(self) -> Spent:
        """What came of the devices."""
        tails = np.zeros(self.last - self.first)
        for number, low, high in self.parts:
            here, table = slice(low - self.first, high - self.first), self.fleet.groups[number].conditions
            tails[here] = (self.devices.up[here] >= 0) * table.tail_seconds * table.tail_watts
        used = self.devices.used + tails
        battery = self.fleet.battery
        return Spent(self.tally, float(used.sum()), int((used >= battery).sum()) if battery > 0 else 0)


class Shares(Protocol):
    """All devices of a fleet, wherever they are."""

    def go(self, until: float, then: float, messages: Messages, filled: int) -> tuple[Messages, int]:
        """Let all devices go on until a moment, as `Share.go`; `then`: the moment for which they are asked next."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether no device makes a request any more."""
        ...

    def spent(self) -> Sequence[Spent]:
        """What came of each share."""
        ...

    def close(self) -> None:
        """End what was begun for them."""
        ...


Begin = Callable[[Fleet], Shares]
"""Begins the shares of a fleet."""


@dataclass(frozen=True)
class Here:
    """The devices of a fleet in this process, in one share or more."""

    shares: tuple[Share, ...]

    @classmethod
    def of(cls, fleet: Fleet, count: int = 1) -> Here:
        """A fleet in so many shares, one after the other."""
        return cls(tuple(Share(fleet, first, last) for first, last in split(fleet.size, count)))

    def go(self, until: float, then: float, messages: Messages, filled: int) -> tuple[Messages, int]:
        for share in self.shares:
            messages, filled = share.go(until, messages, filled)
        return messages, filled

    @property
    def is_over(self) -> bool:
        return all(share.is_over for share in self.shares)

    def spent(self) -> list[Spent]:
        return [share.spent() for share in self.shares]

    def close(self) -> None:
        """Nothing was begun."""


class Away:
    """A share in a process of its own: it keeps what it has sent until it is fetched."""

    def __init__(self, fleet: Fleet, first: int, last: int) -> None:
        self.share = Share(fleet, first, last)
        self.messages = room(2 * LEAST)

    def go(self, until: float) -> tuple[Messages, bool]:
        """(What the devices send until a moment, whether they make no request any more)."""
        self.messages, filled = self.share.go(until, self.messages, 0)
        return Messages(*(one[:filled].copy() for one in self.messages)), self.share.is_over

    def spent(self) -> Spent:
        """What came of the devices."""
        return self.share.spent()


def gathered(
    sent: Sequence[tuple[Messages, bool]], messages: Messages, filled: int
) -> tuple[Messages, int, bool]:
    """Messages with those of shares behind the first `filled`, how many there are, and whether no share makes a request any more."""
    for theirs, _ in sent:
        messages, filled = joined(messages, filled, theirs)
    return messages, filled, all(is_over for _, is_over in sent)


def split(devices: int, count: int) -> list[tuple[int, int]]:
    """The first device of each of so many shares, and that behind the last, as evenly as can be."""
    bounds = [devices * number // count for number in range(count + 1)]
    return [(low, high) for low, high in itertools.pairwise(bounds) if low < high]
