"""Link: a channel's table in byte time, the bytes that it can have carried by a moment, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.kinds.channel import PACKET
from bench.replay.streams.loop import compiled

if TYPE_CHECKING:
    from bench.kinds.channel import Conditions


class Direction(NamedTuple):
    """One direction of a link; every array has one number for each piece of the channel's table.

    Attributes:
        start: seconds at which a piece begins.
        rate: bytes/s that arrive: the channel's rate times the share of packets that are not lost.
        total: bytes that can have arrived before the piece begins.
        delay: one way, seconds.
        loss: share of packets that are lost.
        watts: of the radio while it sends, with what it takes for the bytes, those sent again included.
        energy: joules of a radio that sends from the first moment until the piece begins.
    """

    start: np.ndarray
    rate: np.ndarray
    total: np.ndarray
    delay: np.ndarray
    loss: np.ndarray
    watts: np.ndarray
    energy: np.ndarray


def directions(conditions: Conditions) -> tuple[Direction, Direction]:
    """The way up and the way down of a channel. The last piece of its table has no end."""
    start = np.ascontiguousarray(conditions.start, np.float64)
    widths = np.diff(start)

    def direction(raw: np.ndarray) -> Direction:
        rate = np.ascontiguousarray(raw * (1 - conditions.loss), np.float64)
        watts = np.ascontiguousarray(conditions.watts + conditions.joules_per_byte * raw)
        return Direction(
            start, rate, _summed(rate, widths), np.ascontiguousarray(conditions.delay, np.float64),
            np.ascontiguousarray(conditions.loss, np.float64), watts, _summed(watts, widths),
        )  # fmt: skip

    return direction(conditions.up), direction(conditions.down)


def _summed(rate: np.ndarray, widths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(rate[:-1] * widths)])


@compiled
def piece(start, moment, near):
    """The number of the piece that a moment lies in, looked for from a near one on, in steps that double."""
    if start[near] > moment:
        near = 0
    high, step = near + 1, 1
    while high < len(start) and start[high] <= moment:
        near, step = high, 2 * step
        high += step
    high = min(high, len(start))
    while high - near > 1:
        middle = (near + high) // 2
        if start[middle] <= moment:
            near = middle
        else:
            high = middle
    return near


@compiled
def carried(start, rate, total, moment, near):
    """What has been summed up by a moment: bytes for a rate in bytes/s, joules for one in watts."""
    at = piece(start, moment, near)
    return total[at] + rate[at] * (moment - start[at])


@compiled
def repairs(count, loss, luck):
    """How many round trips it takes until every packet of a payload has arrived, beyond the first.

    With m packets, each lost with probability p, all have arrived after r repairs with probability (1 - p^(r+1))^m.

    Args:
        count: bytes of the payload.
        loss: share of packets that are lost.
        luck: uniform from 0 to 1: the quantile.
    """
    if loss <= 0.0:
        return 0.0
    if loss >= 1.0:
        return np.inf
    packets = max(np.ceil(count / PACKET), 1.0)
    missing = -np.expm1(np.log(luck) / packets)
    return max(np.ceil(np.log(missing) / np.log(loss)) - 1.0, 0.0)


@compiled
def transfer(start, rate, total, delay, loss, ready, free, count, luck, near):
    """One payload over one direction, first in first out.

    Args:
        start: of the direction's pieces, as `rate`, `total`, `delay` and `loss`.
        rate: bytes/s that arrive.
        total: bytes that can have arrived before each piece.
        delay: one way, seconds.
        loss: share of packets that are lost.
        ready: the moment at which it is handed over, seconds.
        free: the moment at which the link has sent what came before.
        count: bytes.
        luck: uniform from 0 to 1, of repairs.
        near: a piece that is not far before.

    Returns:
        (moment of its first byte, of its last byte, of its arrival, pieces of the first and of the last byte). Moments are
        infinite where there is none.
    """
    begin = max(ready, free)
    if begin == np.inf:
        return begin, begin, begin, near, near
    first = piece(start, begin, near)
    amount = total[first] + rate[first] * (begin - start[first]) + count
    last = piece(total, amount, first)
    while (
        last > first and total[last] == amount
    ):  # carried by then, at a standstill since: the earliest moment counts
        last -= 1
    if last == first:
        end = begin + (count / rate[first] if rate[first] > 0 else np.inf if count > 0 else 0.0)
    elif rate[last] > 0:
        end = start[last] + (amount - total[last]) / rate[last]
    else:  # the last piece, at which nothing passes any more
        end = np.inf
    if end == np.inf:
        return begin, end, end, first, first
    return begin, end, end + delay[last] * (1 + 2 * repairs(count, loss[last], luck)), first, last
