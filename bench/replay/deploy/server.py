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
def settle(
    batching,
    cuts,
    others,
    down,
    reply,
    luck,
    limit,
    free,
    last,
    near,
    sent,
    arrivals,
    arm_of,
    sends,
    settled,
    moments,
):
    """Settle the batches that begin before a moment: when their requests are computed, and when the answers are there.

    Args:
        batching: of the server.
        cuts: of each arm, int64 (arms,).
        others: moments at which other devices' requests arrive.
        down: the way back.
        reply: bytes of an answer.
        luck: of the requests, float64 (N, 3).
        limit: the moment.
        free: as in `foreseen`, as are `last`, `near`, `sent`, `arrivals`, `arm_of` and `sends`; written.
        last: written.
        near: written.
        sent: numbers of requests.
        arrivals: of what was sent.
        arm_of: arms of what was sent.
        sends: how many were sent.
        settled: of them, how many are in a batch that has begun.
        moments: float64 (N, 8); written.

    Returns:
        `settled`, afterwards.
    """
    while settled < sends and arrivals[settled] < math.inf:
        begin, end, place, behind = next_batch(
            batching, cuts, others, int(free[3]), free[1], arrivals[:sends], arm_of, settled
        )
        if begin >= limit:
            break
        free[1], free[3] = end, place
        for number in range(settled, behind):
            one = sent[number]
            moments[one, SERVED], moments[one, FINISHED] = begin, end
            _, free[2], answered, near[1], _ = transfer(
                down.start,
                down.rate,
                down.total,
                down.delay,
                down.loss,
                end,
                free[2],
                reply,
                luck[one, 2],
                near[1],
            )
            last[1] = max(answered, last[1])
            moments[one, ANSWERED] = last[1]
        settled = behind
    return settled
