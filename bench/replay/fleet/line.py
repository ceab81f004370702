"""Line: the messages that wait for servers, in the order of their arrival, compiled by numba."""

from __future__ import annotations

import math

import numpy as np

from bench.replay.fleet.state import Messages
from bench.replay.streams.loop import compiled


def room(size: int) -> Messages:
    """Room for so many messages."""
    kinds = (
        np.float64,
        np.float64,
        np.float64,
        np.float64,
        np.int32,
        np.int32,
        np.int32,
        np.bool_,
        np.float64,
    )
    return Messages(*(np.empty(size, one) for one in kinds))


def more(messages: Messages) -> Messages:
    """Messages with twice as much room."""
    return Messages(*(np.concatenate([one, np.empty_like(one)]) for one in messages))


def joined(messages: Messages, filled: int, others: Messages) -> tuple[Messages, int]:
    """Messages with others behind the first `filled` of them, and how many there are then."""
    count = filled + len(others.arrived)
    while len(messages.arrived) < count:
        messages = more(messages)
    for own, theirs in zip(messages, others, strict=True):
        own[filled:count] = theirs
    return messages, count


@compiled
def in_order(arrived, filled, begin, until, order):
    """Put the messages that arrive before a moment in order: into buckets by time, then each to its place.

    Messages that arrive together stay in their order, so that those of one device do.

    Args:
        arrived: when they do.
        filled: how many there are.
        begin: the moment from which on they do, but for the last bit.
        until: the moment.
        order: their numbers; written.

    Returns:
        How many there are.
    """
    amount = 0
    for one in range(filled):
        amount += arrived[one] < until
    buckets = max(amount, 1)
    scale = buckets / (until - begin)
    places = np.zeros(buckets + 1, np.int64)
    for one in range(filled):
        if arrived[one] < until:
            places[min(max(int((arrived[one] - begin) * scale), 0), buckets - 1) + 1] += 1
    crowded = places.max() > 64
    places = np.cumsum(places)
    for one in range(filled):
        if arrived[one] < until:
            bucket = min(max(int((arrived[one] - begin) * scale), 0), buckets - 1)
            order[places[bucket]] = one
            places[bucket] += 1
    if crowded:
        moments = np.empty(amount)
        for one in range(amount):
            moments[one] = arrived[order[one]]
        order[:amount] = order[:amount][np.argsort(moments, kind="mergesort")]
        return amount
    for one in range(1, amount):
        message, there = order[one], one
        while there > 0 and arrived[order[there - 1]] > arrived[message]:
            order[there] = order[there - 1]
            there -= 1
        order[there] = message
    return amount


@compiled
def keep_rest(messages, filled):
    """Move what no server has taken yet to the front; gives how many there are."""
    kept = 0
    for one in range(filled):
        if math.isnan(messages.answered[one]):
            messages.arrived[kept], messages.asked[kept] = messages.arrived[one], messages.asked[one]
            messages.service[kept], messages.reply[kept] = messages.service[one], messages.reply[one]
            messages.device[kept], messages.number[kept] = messages.device[one], messages.number[one]
            messages.right[kept], messages.arm[kept] = messages.right[one], messages.arm[one]
            messages.answered[kept] = math.nan
            kept += 1
    return kept
