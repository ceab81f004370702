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
def piece(start, moment):
    """The number of the piece that a moment lies in."""
    low, high = 0, len(start)
    while high - low > 1:
        middle = (low + high) // 2
        if start[middle] <= moment:
            low = middle
        else:
            high = middle
    return low


@compiled
def carried(start, rate, total, moment):
    """What has been summed up by a moment: bytes for a rate in bytes/s, joules for one in watts."""
    at = piece(start, moment)
    return total[at] + rate[at] * (moment - start[at])


@compiled
def when(start, rate, total, amount):
    """The first moment by which so much has been summed up; infinite where that never is."""
    low, high = 0, len(total)
    while high - low > 1:
        middle = (low + high) // 2
        if total[middle] < amount:
            low = middle
        else:
            high = middle
    if total[low] >= amount:
        return start[low]
    if rate[low] <= 0:  # the last piece, at which nothing passes any more
        return np.inf
    return start[low] + (amount - total[low]) / rate[low]


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
def transfer(start, rate, total, delay, loss, ready, free, count, luck):
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

    Returns:
        (moment of its first byte, of its last byte, of its arrival), infinite where there is none.
    """
    begin = max(ready, free)
    if begin == np.inf:
        return begin, begin, begin
    at = piece(start, begin)
    amount = total[at] + rate[at] * (begin - start[at]) + count
    if at + 1 == len(total) or amount <= total[at + 1]:  # within the piece, as most are
        end = begin + count / rate[at] if rate[at] > 0 else np.inf if count > 0 else begin
    else:
        end = max(when(start, rate, total, amount), begin)
        if end == np.inf:
            return begin, end, end
        at = piece(start, end)
    return begin, end, end + delay[at] * (1 + 2 * repairs(count, loss[at], luck))
