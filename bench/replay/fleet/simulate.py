"""Simulate: a fleet with so many servers, streamed in the order of time, and what came of its requests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.replay.fleet import loop
from bench.replay.fleet.fleet import Fleet
from bench.replay.fleet.loop import (
    ANSWERED,
    BINS,
    GROWS,
    LATE,
    LOST,
    REQUESTS,
    RIGHT,
    SENT,
    SERVED,
    SHORTEST,
    WHOLE,
    Messages,
    Tally,
)

STRETCHES = 50
"""Stretches of the fleet's time by which late answers are counted."""
LEAST = 1 << 15
"""Requests that come in a stretch which is simulated at once, at least, on the mean."""
STEPS = (
    "waiting for the device", "computing on the device", "waiting for the link", "sending", "the way there", "waiting for a server",
    "the server", "the way back",
)  # fmt: skip
"""The steps of a request, in their order."""


@dataclass(frozen=True)
class Served:
    """What came of a fleet's requests.

    Attributes:
        servers: how many there were; 0 for one for each message.
        requests: that came, those while it warmed up left out.
        answered: of them.
        late: not answered by the deadline, or never.
        lost: of these, those of devices whose battery was empty.
        sent: to the servers.
        right: answered rightly.
        seconds: to the answer, mean of those answered; NaN where none is.
        steps: seconds of each of `STEPS`, mean of all requests.
        load: seconds of service that were asked of the servers a second: how many of them work at once, on the mean.
        times: requests by their time to the answer, int64 (`BINS`,).
        stretches: share of late answers by the stretch in which the request came, NaN where none did, float64.
        joules: of a device, mean.
        empty: share of devices whose battery is empty.
    """

    servers: int
    requests: int
    answered: int
    late: int
    lost: int
    sent: int
    right: int
    seconds: float
    steps: tuple[float, ...]
    load: float
    times: np.ndarray
    stretches: np.ndarray
    joules: float
    empty: float

    @property
    def miss(self) -> float:
        """Share of the requests that were not answered by the deadline."""
        return self.late / max(self.requests, 1)

    @property
    def busy(self) -> float:
        """Share of the time that a server works, on the mean; 0 where each message has a server of its own."""
        return min(self.load / self.servers, 1.0) if self.servers else 0.0

    def quantile(self, share: float) -> float:
        """The time to the answer that a share of the requests keeps, to 0.5%; infinite where they were not answered."""
        place = int(np.searchsorted(np.cumsum(self.times), share * self.requests - 1e-9))
        if place == BINS - 1:
            return math.inf
        return 0.0 if place == 0 else SHORTEST * GROWS ** (place - 0.5)


def simulate(fleet: Fleet, servers: int, width: float | None = None) -> Served:
    """A fleet with so many servers, which take messages first in, first out from one waiting line.

    The time is linear in the requests and in the devices, but for the logarithm of the servers. The numbers that are drawn do not
    depend on the servers, nor on the width of stretches.

    Args:
        fleet: that sends.
        servers: how many there are; 0 for one for each message, so that none waits.
        width: seconds of a stretch that is simulated at once; left out: such that each device makes a request in it.
    """
    devices, rules = fleet.devices(), [fleet.rules(one) for one in fleet.groups]
    width = max(LEAST / (fleet.size * fleet.rate), 1 / fleet.rate) if width is None else width
    tally = Tally(
        np.zeros(6, np.int64), np.zeros(9), np.zeros(BINS, np.int64), np.zeros(STRETCHES, np.int64), np.zeros(STRETCHES, np.int64)
    )  # fmt: skip
    messages = _room(2 * LEAST)
    free, (down, pieces) = np.zeros(servers), fleet.down
    order, filled, begin = np.empty(0, np.int64), 0, 0.0
    while filled or (devices.next < fleet.seconds).any():
        until = begin + width
        for number, group in enumerate(fleet.groups):
            at, last = int(fleet.bounds[number]), int(fleet.bounds[number + 1])
            while at < last:
                at, filled = loop.send(
                    at,
                    last,
                    until,
                    group.work,
                    group.ways[0],
                    rules[number],
                    devices,
                    messages,
                    filled,
                    tally,
                )
                if at < last:
                    messages = _more(messages)
        if len(order) < filled:
            order = np.empty(len(messages.arrived), np.int64)
        amount = loop.in_order(messages.arrived, filled, begin, until, order)
        loop.serve(order, amount, free, fleet.bounds, pieces, down, rules[0], devices, messages, tally)
        filled = loop.keep_rest(messages, filled, until)
        begin = until
        if begin >= fleet.seconds:  # nothing new comes: what is left may take its time
            width *= 2
    return _served(fleet, servers, tally, devices)


def _room(size: int) -> Messages:
    kinds = (np.float64, np.float64, np.float64, np.float64, np.int32, np.int32, np.bool_, np.float64)
    return Messages(*(np.empty(size, one) for one in kinds))


def _more(messages: Messages) -> Messages:
    """Messages with twice as much room."""
    return Messages(*(np.concatenate([one, np.empty_like(one)]) for one in messages))


def _served(fleet: Fleet, servers: int, tally: Tally, devices: loop.Devices) -> Served:
    requests = int(tally.counts[REQUESTS])
    tails = np.zeros(fleet.size)
    for number, group in enumerate(fleet.groups):
        here = slice(int(fleet.bounds[number]), int(fleet.bounds[number + 1]))
        tails[here] = (devices.up[here] >= 0) * group.conditions.tail_seconds * group.conditions.tail_watts
    used = devices.used + tails
    counts = {name: int(tally.counts[place]) for name, place in
              (("answered", ANSWERED), ("late", LATE), ("lost", LOST), ("sent", SENT), ("right", RIGHT))}  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        stretches = tally.late / tally.asked
    return Served(
        servers=servers, requests=requests, **counts, seconds=float(tally.sums[WHOLE]) / (counts["answered"] or math.nan),
        steps=tuple((tally.sums[:WHOLE] / max(requests, 1)).tolist()),
        load=float(tally.sums[SERVED]) / (fleet.seconds - fleet.warm), times=tally.times, stretches=stretches,
        joules=float(used.mean()), empty=float((used >= fleet.battery).mean()) if fleet.battery > 0 else 0.0,
    )  # fmt: skip
