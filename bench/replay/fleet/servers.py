"""Servers: how many a fleet needs for a share of late answers, by bisection.

One more server delays no message of a line that is first in, first out (Kiefer, Wolfowitz 1955: every moment at which some server is
free comes no later), and answers change nothing of what devices send. So the late answers of the same requests never rise with
the number of servers, and bisection is exact for them.

Where servers batch, fewer of them may make larger batches, which share their seconds. Then a larger number may be late where a smaller
one is in time, and what is found is a number that suffices while one server fewer does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bench.errors import SeesawError
from bench.replay.fleet.fleet import Fleet
from bench.replay.fleet.share import Begin, Here
from bench.replay.fleet.simulate import Served, simulate

MOST_SERVERS = 1 << 22
"""The most servers that are tried."""


@dataclass(frozen=True)
class Needed:
    """How many servers a fleet needs.

    Attributes:
        least: what came of the smallest number that suffices, `none_waits` where nothing is sent; None where none does.
        tried: what came of every number that was tried, in order.
        none_waits: what comes where each message, or batch, has a server of its own: where servers do not batch, the fewest late answers
            of all.
    """

    least: Served | None
    tried: tuple[Served, ...]
    none_waits: Served


def needed(
    fleet: Fleet, share: float, report: Callable[[int], None] = lambda servers: None, begin: Begin = Here.of
) -> Needed:
    """The smallest number of servers with which at most a share of a fleet's answers is late.

    Args:
        fleet: with a deadline.
        share: of the requests, from 0 to 1.
        report: called with each number before it is tried.
        begin: begins the shares of the fleet's devices, as for `simulate`.

    Raises:
        SeesawError: there is no deadline, or more servers are needed than are tried.
    """
    if fleet.deadline is None:
        raise SeesawError("No answer is late without a deadline. Give --deadline SECONDS.")
    report(0)
    none_waits = simulate(fleet, 0, begin=begin)
    if none_waits.miss > share:
        return Needed(None, (), none_waits)
    if none_waits.sent == 0:
        return Needed(none_waits, (), none_waits)
    tried: dict[int, Served] = {}

    def suffices(servers: int) -> bool:
        if servers > MOST_SERVERS:
            raise SeesawError(
                f"More than {MOST_SERVERS:,} servers would be needed. Choose fewer --devices or a lower --rate."
            )
        if servers not in tried:
            report(servers)
            tried[servers] = simulate(fleet, servers, begin=begin)
        return tried[servers].miss <= share

    low, high = _between(none_waits.load, suffices)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return Needed(tried[high], tuple(tried[one] for one in sorted(tried)), none_waits)


def _between(load: float, suffices: Callable[[int], bool]) -> tuple[int, int]:
    """A number of servers that does not suffice (0 never does) and one that does, from the load on in steps that double."""
    step = max(math.ceil(math.sqrt(load)), 1)
    high = max(math.ceil(load), 1)
    if not suffices(high):
        while True:
            low, high, step = high, high + step, 2 * step
            if suffices(high):
                return low, high
    while high > 1:
        low = max(high - step, 1)
        if not suffices(low):
            return low, high
        high, step = low, 2 * step
    return 0, high
