"""Practice: devices that a decider learns on, simulated many at once, with requests, a link and a server that change under way.

No recording has a part in it. Each device has a rate of requests and a link of its own, from 100 bytes/s to 100 MB/s; the link's
rate wanders from request to request, and what the device sees of it is off. A request waits for the device, then for the link, so what one
action takes the next ones meet. After some requests a device begins anew with other conditions.
"""

from typing import NamedTuple

import numpy as np

from baselines.splits.actions import ARM, BYTES, DEVICE, REACH, SERVER, STAYS

FEATURES = 7
"""What a decider sees of a request, a constant 1 included."""
AHEAD, EPISODE = 24, 40
"""Arrivals that are known ahead, and so the most requests that are seen to wait; requests of a device before it begins anew."""
WANDERS, RENEWS = 0.3, 0.1
"""Standard deviation of the link's logarithm from one request to the next, and how often the server's wait is another one."""
MOST = 10.0
"""The longest time to the answer that is told apart, in times of the whole network on the device."""


class Devices(NamedTuple):
    """The state of simulated devices, float64 (n,), but for the moments of arrivals, (n, `AHEAD` + 1): the present request's first.

    Attributes:
        arrivals: of requests.
        each: requests a second.
        begin: when the device begins with the present one.
        link: when the link is free.
        rate: of the link, bytes/s.
        seen: the rate that is seen.
        trip: seconds there and back.
        wait: for the server.
        age: requests since the device began.
    """

    arrivals: np.ndarray
    each: np.ndarray
    begin: np.ndarray
    link: np.ndarray
    rate: np.ndarray
    seen: np.ndarray
    trip: np.ndarray
    wait: np.ndarray
    age: np.ndarray


def fresh(count: int, whole: float, off: float, rng: np.random.Generator) -> Devices:
    """Devices before their first request.

    Args:
        count: of them.
        whole: seconds of the whole network on the device.
        off: standard deviation of the logarithm of the rate that is seen.
        rng: of chance.
    """
    each = 10 ** rng.uniform(-1.5, 0.1, count) / whole
    arrivals = np.cumsum(rng.exponential(size=(count, AHEAD + 1)) / each[:, None], 1)
    rate = 10 ** rng.uniform(2, 8, count)
    seen = rate * np.exp(off * rng.standard_normal(count))
    return Devices(arrivals, each, arrivals[:, 0].copy(), np.zeros(count), rate, seen, 10 ** rng.uniform(-3, 0, count), waits(count, rng), np.zeros(count))  # fmt: skip


def waits(count: int, rng: np.random.Generator) -> np.ndarray:
    """Seconds for the server, most of them none."""
    return 10 ** rng.uniform(-3, 0, count) * (rng.random(count) < 0.3)


def queue(devices: Devices) -> np.ndarray:
    """Requests that wait behind the present one, (n,)."""
    return (devices.arrivals[:, 1:] <= devices.begin[:, None]).sum(1).astype(float)


def unsent(devices: Devices) -> np.ndarray:
    """Bytes that the link has still to carry, (n,)."""
    return np.maximum(devices.link - devices.begin, 0.0) * devices.rate


def features(rate, unsent, trip, wait, queue, waited, whole: float) -> np.ndarray:
    """What a network takes of conditions, each (n,), about from -1 to 1, with a 1 behind: (n, `FEATURES`)."""
    return np.stack(
        [
            np.log10(np.maximum(rate, 1.0)) / 2 - 2.5, np.log10(1 + unsent) / 3 - 0.5, np.log10(trip + 1e-4) + 2, np.log10(wait + 1e-4) + 2,
            np.log10(1 + queue), np.log10(1 + waited / whole), np.ones(len(rate)),
        ],
        1,
    )  # fmt: skip


def observed(devices: Devices, whole: float) -> np.ndarray:
    """The features of the present requests, (n, `FEATURES`)."""
    d = devices
    return features(d.seen, unsent(d), d.trip, d.wait, queue(d), d.begin - d.arrivals[:, 0], whole)


def step(
    devices: Devices,
    table: np.ndarray,
    chosen: np.ndarray,
    whole: float,
    off: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, Devices, Devices]:
    """Answer the present requests by the chosen actions.

    Args:
        devices: before.
        table: of the actions; the last one sends nothing.
        chosen: numbers of actions, int64 (n,).
        whole: seconds of the whole network on the device.
        off: as in `fresh`.
        rng: of chance.

    Returns:
        (seconds from each request to its answer, the devices at their next requests, the same with those begun anew whose time has come).
    """
    d, row, count = devices, table[chosen], len(chosen)
    stays = rng.random(count) < row[:, STAYS]
    done = d.begin + np.where(stays, row[:, REACH], row[:, DEVICE])
    is_sent = ~stays & (row[:, ARM] < table[-1, ARM])
    sent = np.maximum(done, d.link) + row[:, BYTES] / d.rate
    answered = np.where(is_sent, sent + d.trip + d.wait + row[:, SERVER], done)
    seconds = answered - d.arrivals[:, 0]
    more = d.arrivals[:, -1] + rng.exponential(size=count) / d.each
    arrivals = np.concatenate([d.arrivals[:, 1:], more[:, None]], 1)
    rate = np.clip(d.rate * np.exp(WANDERS * rng.standard_normal(count)), 1e2, 1e8)
    seen = rate * np.exp(off * rng.standard_normal(count))
    wait = np.where(rng.random(count) < RENEWS, waits(count, rng), d.wait)
    after = Devices(
        arrivals, d.each, np.maximum(arrivals[:, 0], done), np.where(is_sent, sent, d.link), rate, seen, d.trip, wait, d.age + 1
    )  # fmt: skip
    anew, old = fresh(count, whole, off, rng), after.age >= EPISODE
    begun = Devices(
        *(
            np.where(old if one.ndim == 1 else old[:, None], new, one)
            for one, new in zip(after, anew, strict=True)
        )
    )
    return seconds, after, begun
