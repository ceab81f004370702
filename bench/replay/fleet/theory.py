"""Closed forms of queues with one waiting line: what fleets are held against where their servers are such a queue.

Requests of a Poisson process: Erlang C for S servers of exponential service (Erlang 1917), Pollaczek-Khinchine for one server of
any service (1930). A fleet of many devices sends nearly such a process.
"""

from __future__ import annotations

import math

from bench.errors import SeesawError


def waits(load: float, servers: int) -> float:
    """Erlang C: the share of requests that wait, by recursion on Erlang B.

    Args:
        load: requests a second times the mean seconds of service, below `servers`.
        servers: with one waiting line.

    Raises:
        SeesawError: the servers cannot keep up.
    """
    if not 0 < load < servers:
        raise SeesawError(
            f"A load of {load:g} has no waiting time at {servers} servers. Give a load above 0 and below the number of servers."
        )
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait(rate: float, service: float, servers: int = 1, exponential: bool = True) -> float:
    """The mean seconds that a request waits for a server: M/M/S, or M/D/1.

    Args:
        rate: requests a second.
        service: mean seconds.
        servers: with one waiting line.
        exponential: whether service is exponential; else it is constant, and there is one server.

    Raises:
        SeesawError: the servers cannot keep up, or there is no closed form.
    """
    if not exponential and servers > 1:
        raise SeesawError("M/D/S has no closed form here for more than one server. Give one.")
    wait = waits(rate * service, servers) * service / (servers - rate * service)
    return wait if exponential else wait / 2


def longer(rate: float, service: float, servers: int, seconds: float) -> float:
    """The share of requests of M/M/S that wait longer than so many seconds.

    Raises:
        SeesawError: the servers cannot keep up.
    """
    return waits(rate * service, servers) * math.exp(-(servers / service - rate) * seconds)
