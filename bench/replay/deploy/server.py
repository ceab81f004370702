"""Server: it takes one request after the other, or batches (`bench.replay.deploy.batches`), first in, first out.

A server that batches may begin with a request after the device has begun with later ones. So before each choice the batches are
settled that begin before it: what has not been sent by then arrives too late for them.
"""

from __future__ import annotations

import math

from bench.replay.deploy.batches import next_batch
from bench.replay.deploy.link import transfer
from bench.replay.deploy.steps import ANSWERED, FINISHED, SERVED
from bench.replay.streams.loop import compiled


@compiled
def serve(others, other, at, free, arrived, seconds):
    """The server takes a request after those of other devices that came before it.

    Returns:
        (moment at which it begins, at which it ends, number of the next request of another device).
    """
    while at < len(others) and others[at] <= arrived:
        free = max(free, others[at]) + other
        at += 1
    begin = max(free, arrived)
    return begin, begin + seconds, at


@compiled
def settle(costs, link, batching, requests, queues, sends, settled, limit, moments):
    """Settle the batches that begin before a moment: when their requests are computed, and when the answers are there.

    Args:
        costs: of the network.
        link: both directions.
        batching: of the server.
        requests: all of them.
        queues: as they stand; written.
        sends: how many requests were sent.
        settled: of them, how many are in a batch that has begun.
        limit: the moment.
        moments: float64 (N, 8); written.

    Returns:
        `settled`, afterwards.
    """
    free, last, near, sent, arrivals, arm_of = queues
    start, rate, total, delay, loss, _, _ = link.down
    while settled < sends and arrivals[settled] < math.inf:
        begin, end, place, behind = next_batch(
            batching, requests.others, int(free[3]), free[1], arrivals[:sends], arm_of, settled
        )
        if begin >= limit:
            break
        free[1], free[3] = end, place
        for number in range(settled, behind):
            one = sent[number]
            moments[one, SERVED], moments[one, FINISHED] = begin, end
            _, free[2], answered, near[1], _ = transfer(
                start, rate, total, delay, loss, end, free[2], costs.reply, requests.luck[one, 2], near[1]
            )
            last[1] = max(answered, last[1])
            moments[one, ANSWERED] = last[1]
        settled = behind
    return settled
