"""Simulate: a fleet with so many servers, streamed in the order of time, and what came of its requests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.replay.fleet.fleet import Fleet
from bench.replay.fleet.line import in_order, keep_rest, room
from bench.replay.fleet.serving import serve
from bench.replay.fleet.share import LEAST, Begin, Here, Spent
from bench.replay.fleet.tally import (
    ANSWERED,
    BATCHES,
    BINS,
    GROWS,
    LATE,
    LOST,
    REQUESTS,
    RIGHT,
    SENT,
    SHORTEST,
    WHOLE,
    WORKED,
    Tally,
)

STEPS = (
    "waiting for the device", "computing on the device", "waiting for the link", "sending", "the way there", "waiting for a server",
    "the server", "the way back",
)  # fmt: skip
"""The steps of a request, in their order."""


STRETCHES = 8
"""Stretches in which each device of a large fleet makes a request: fewer messages at once are nearer to the processor."""


@dataclass(frozen=True)
class Served:
    """What came of a fleet's requests.

    Attributes:
        servers: how many there were; 0 for one for each message or batch.
        requests: that came, those while it warmed up left out.
        answered: of them.
        late: not answered by the deadline, or never.
        lost: of these, those of devices whose battery was empty.
        sent: to the servers.
        right: answered rightly.
        seconds: to the answer, mean of those answered; NaN where none is.
        steps: seconds of each of `STEPS`, mean of all requests.
        load: seconds of service that were asked of the servers a second: how many of them work at once, on the mean.
        batches: that servers began; as many as messages where they take one by one.
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
    batches: int
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


def simulate(fleet: Fleet, servers: int, width: float | None = None, begin: Begin = Here.of) -> Served:
    """A fleet with so many servers, which take messages first in, first out from one waiting line.

    The time is linear in the requests and in the devices, but for the logarithm of the servers. The numbers that are drawn do not
    depend on the servers, nor on the width of stretches, nor on how devices are shared out. Memory holds the devices and the messages
    of one stretch.

    Args:
        fleet: that sends.
        servers: how many there are; 0 for one for each message or batch, so that none waits for one.
        width: seconds of a stretch that is simulated at once; left out: such that an eighth of the devices make a request in it.
        begin: begins the shares of its devices; all in this process where left out.
    """
    width = max(LEAST / fleet.size, 1 / STRETCHES) / fleet.rate if width is None else width
    rules, (down, pieces), receivers = fleet.rules(fleet.groups[0]), fleet.down, fleet.receivers()
    messages, tally = room(2 * LEAST), Tally.blank()
    free, order, filled, from_ = np.zeros(servers), np.empty(0, np.int64), 0, 0.0
    shares = begin(fleet)
    try:
        while filled or not shares.is_over:
            until = from_ + width
            if until >= fleet.seconds:  # nothing new comes: what is left may take its time
                width *= 2
            messages, filled = shares.go(until, until + width, messages, filled)
            if len(order) < filled:
                order = np.empty(len(messages.arrived), np.int64)
            amount = in_order(messages.arrived, filled, from_, until, order)
            serve(
                order, amount, until, free, fleet.batching, fleet.bounds, pieces, down, rules, receivers, messages, tally
            )  # fmt: skip
            filled, from_ = keep_rest(messages, filled), until
        return _served(fleet, servers, tally, shares.spent())
    finally:
        shares.close()


def _served(fleet: Fleet, servers: int, tally: Tally, spent: Sequence[Spent]) -> Served:
    for one in spent:
        tally.add(one.tally)
    requests = int(tally.counts[REQUESTS])
    counts = {name: int(tally.counts[place]) for name, place in
              (("answered", ANSWERED), ("late", LATE), ("lost", LOST), ("sent", SENT), ("right", RIGHT))}  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        stretches = tally.late / tally.asked
    return Served(
        servers=servers, requests=requests, **counts, seconds=float(tally.sums[WHOLE]) / (counts["answered"] or math.nan),
        steps=tuple((tally.sums[:WHOLE] / max(requests, 1)).tolist()),
        load=float(tally.sums[WORKED]) / (fleet.seconds - fleet.warm), batches=round(float(tally.sums[BATCHES])), times=tally.times,
        stretches=stretches, joules=sum(one.joules for one in spent) / fleet.size,
        empty=sum(one.empty for one in spent) / fleet.size,
    )  # fmt: skip
