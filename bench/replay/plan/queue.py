"""Queue: requests of one configuration through device, link and server, first in first out, all of them at once.

It is the arithmetic of `bench.replay.deploy.loop` for a policy that always chooses one cut, in numpy and without PyTorch: of
a queue in which request i takes s_i, the end is max(ready_i, end_{i-1}) + s_i, and so a running maximum of ready_i less all
that was served before (Lindley's recursion). On a link whose rate changes, the same holds in bytes in place of seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bench.errors import SeesawError
from bench.kinds.channel import PACKET, Conditions

MOST = 1_000_000
"""The most requests of a plan."""
SPARE = 60.0
"""Seconds of a channel's table beyond the last request, as deployments have."""


@dataclass(frozen=True)
class Arrivals:
    """Requests that come at random, with their luck; a deployment of the same rate, seconds and seed has the same ones.

    Attributes:
        moments: seconds, rising, (N,).
        luck: uniform, above 0 and at most 1, (N, 3).
        chance: the state of the generator behind them, from which samples are drawn.
    """

    moments: np.ndarray
    luck: np.ndarray
    chance: Mapping[str, Any] = field(default_factory=lambda: np.random.default_rng(0).bit_generator.state)

    @classmethod
    def of(cls, rate: float, seconds: float, seed: int) -> Arrivals:
        """Requests of a Poisson process.

        Raises:
            SeesawError: none comes, or more than `MOST`.
        """
        if rate * seconds > MOST:
            raise SeesawError(
                f"{rate * seconds:,.0f} requests would come in {seconds:g} s. Choose --rate and --seconds so that there are at most "
                f"{MOST:,}."
            )
        rng = np.random.default_rng([seed, 20])
        count = int(rng.poisson(rate * seconds))
        if count == 0:
            raise SeesawError(f"No request comes in {seconds:g} s. Choose a larger --rate or more --seconds.")
        moments = np.sort(rng.random(count)) * seconds
        luck = 1.0 - rng.random((count, 3))
        return cls(moments, luck, rng.bit_generator.state)

    def drawn(self, samples: int) -> np.ndarray:
        """The number of each request's sample, of so many, int64 (N,): as a deployment of the same seed draws them."""
        rng = np.random.default_rng()
        rng.bit_generator.state = self.chance
        return rng.integers(samples, size=len(self.moments))


class Work(NamedTuple):
    """What each request takes.

    Attributes:
        device: seconds on the device, (N,).
        is_sent: whether it is sent to the server, boolean (N,).
        framed: bytes that it sends, (N,); of no meaning where it is not sent.
        server: seconds on the server.
    """

    device: np.ndarray
    is_sent: np.ndarray
    framed: np.ndarray
    server: float


class Served(NamedTuple):
    """What became of the requests.

    Attributes:
        seconds: from the request to its answer, infinite where none comes, (N,).
        compute: seconds for which the device computes, mean of a request.
        radio: joules of the radio, tails included, mean of a request (modelled).
        sent: bytes, mean of a request.
    """

    seconds: np.ndarray
    compute: float
    radio: float
    sent: float


@dataclass(frozen=True)
class Road:
    """A channel's table, both directions, in numbers that the queues need.

    Attributes:
        conditions: the table.
        reply: bytes of an answer.
    """

    conditions: Conditions
    reply: int = 64

    @cached_property
    def up(self) -> tuple[np.ndarray, np.ndarray]:
        """Bytes/s that arrive, and bytes that can have arrived before each piece."""
        return self._way(self.conditions.up)

    @cached_property
    def down(self) -> tuple[np.ndarray, np.ndarray]:
        """The same, from the server to the device."""
        return self._way(self.conditions.down)

    @cached_property
    def power(self) -> tuple[np.ndarray, np.ndarray]:
        """Watts of a radio that sends, and joules that it has taken before each piece."""
        watts = self.conditions.watts + self.conditions.joules_per_byte * self.conditions.up
        return watts, self._before(watts)

    def _way(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rate = raw * (1 - self.conditions.loss)
        return rate, self._before(rate)

    def _before(self, rate: np.ndarray) -> np.ndarray:
        return np.concatenate([[0.0], np.cumsum(rate[:-1] * np.diff(self.conditions.start))])

    def least(self, framed: float) -> float:
        """Seconds that no sending of so many bytes and its answer undercuts, at the best moment of the link."""
        best_up, best_down = self.up[0].max(), self.down[0].max()
        if best_up <= 0 or best_down <= 0:
            return np.inf
        return framed / best_up + self.reply / best_down + 2 * float(self.conditions.delay.min())

    def least_joules(self, framed: float) -> float:
        """Joules of the radio that no sending of so many bytes undercuts, tails left out."""
        rate, watts = self.up[0], self.power[0]
        passing = rate > 0
        return framed * float((watts[passing] / rate[passing]).min()) if passing.any() else np.inf


def in_turn(ready: np.ndarray, work: np.ndarray) -> np.ndarray:
    """The ends of a queue, first in first out: (N,) of the moments at which each is ready, and what each takes."""
    done = np.cumsum(work)
    return done + np.maximum.accumulate(ready - (done - work))


def served(work: Work, arrivals: Arrivals, road: Road) -> Served:
    """What becomes of requests.

    Args:
        work: that each takes.
        arrivals: of the requests.
        road: between device and server.
    """
    ready = in_turn(arrivals.moments, work.device)
    answered, joules, count = ready.copy(), 0.0, len(ready)
    if work.is_sent.any():
        own = np.flatnonzero(work.is_sent)
        framed = work.framed[own].astype(float)
        begin, end, arrived = _sent(road, road.up, ready[own], framed, arrivals.luck[own, 1])
        finished = in_turn(np.maximum.accumulate(arrived), np.full(len(own), work.server))
        _, _, back = _sent(
            road, road.down, finished, np.full(len(own), float(road.reply)), arrivals.luck[own, 2]
        )
        answered[own] = np.maximum.accumulate(back)
        joules = _joules(road, begin, end)
    sent = float(work.framed[work.is_sent].sum()) / count
    return Served(answered - arrivals.moments, float(work.device.mean()), joules / count, sent)


def _sent(
    road: Road, way: tuple[np.ndarray, np.ndarray], ready: np.ndarray, framed: np.ndarray, luck: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The moments of the first byte, of the last byte and of the arrival of payloads over one direction."""
    (rate, total), table = way, road.conditions
    passes = np.isfinite(ready)
    ready = np.where(passes, ready, 0.0)
    at = table.piece(ready)
    amounts = in_turn(total[at] + rate[at] * (ready - table.start[at]), framed)
    last = np.clip(np.searchsorted(total, amounts, side="left") - 1, 0, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.where(rate[last] > 0, table.start[last] + (amounts - total[last]) / rate[last], np.inf)
    ends[~passes] = np.inf
    ends = np.maximum.accumulate(ends)
    begin = np.maximum(ready, np.concatenate([[0.0], ends[:-1]]))
    packets = np.maximum(np.ceil(framed / PACKET), 1.0)
    repairs = np.zeros(len(framed))
    lossy = table.loss[last] > 0
    if lossy.any():
        missing = -np.expm1(np.log(luck[lossy]) / packets[lossy])
        with np.errstate(divide="ignore"):
            rounds = np.ceil(np.log(missing) / np.log(table.loss[last][lossy])) - 1.0
        repairs[lossy] = np.maximum(rounds, 0.0)
    return begin, ends, ends + table.delay[last] * (1 + 2 * repairs)


def _joules(road: Road, begin: np.ndarray, end: np.ndarray) -> float:
    """Joules of the radio, awake between its transfers included; of those whose last byte leaves."""
    table, (watts, before) = road.conditions, road.power
    whole = np.isfinite(end)
    begin, end = begin[whole], end[whole]
    if not len(end):
        return 0.0

    def taken(moments: np.ndarray) -> np.ndarray:
        at = table.piece(moments)
        return before[at] + watts[at] * (moments - table.start[at])

    gaps = np.minimum(np.maximum(begin[1:] - end[:-1], 0.0), table.tail_seconds)
    tails = (gaps.sum() + table.tail_seconds) * table.tail_watts
    return float((taken(end) - taken(begin)).sum() + tails)
