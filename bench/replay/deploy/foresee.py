"""Foresee: the arm that is answered first by the link's true rates, for bounds that know what is to come."""

from __future__ import annotations

import math

from bench.replay.deploy.batches import next_batch
from bench.replay.deploy.link import transfer
from bench.replay.deploy.server import serve
from bench.replay.streams.loop import compiled


@compiled
def foreseen(arms, costs, link, batching, requests, allowed, queues, n, begin, sends, settled):
    """The arm that is answered first among the allowed ones, with the queues as they are, and no later request of the device.

    Args:
        arms: records of `ARM`.
        costs: of the network.
        link: both directions.
        batching: of the server.
        requests: all of them.
        allowed: boolean (arms, samples).
        queues: as they stand; the place `sends` of its arrivals and arms is overwritten.
        n: number of the request.
        begin: the moment at which the device begins with it.
        sends: how many requests were sent.
        settled: of them, how many are in a batch that has begun.
    """
    free, last, near, sent, arrivals, arm_of = queues
    _, samples, luck, others = requests
    sizes = costs.framed
    up_start, up_rate, up_total, up_delay, up_loss, _, _ = link.up
    down_start, down_rate, down_total, down_delay, down_loss, _, _ = link.down
    sample, best, first = samples[n], len(arms) - 1, math.inf
    for number in range(len(arms)):
        arm = arms[number]
        if not allowed[number, sample]:
            continue
        moment = begin + arm.device
        if number < len(arms) - 1:
            _, _, arrived, _, _ = transfer(
                up_start,
                up_rate,
                up_total,
                up_delay,
                up_loss,
                moment,
                free[0],
                sizes[number, sample],
                luck[n, 1],
                near[0],
            )
            arrived = max(arrived, last[0])
            back, hint = free[2], near[1]
            if batching.largest > 1:
                arrivals[sends], arm_of[sends] = arrived, number
                finished, server, other, one = math.inf, free[1], int(free[3]), settled
                while one <= sends and arrived < math.inf:
                    before = one
                    _, server, other, one = next_batch(
                        batching, others, other, server, arrivals[: sends + 1], arm_of, one
                    )
                    for place in range(before, min(one, sends)):  # answers that go back before this one
                        _, back, _, hint, _ = transfer(
                            down_start, down_rate, down_total, down_delay, down_loss, server, back, costs.reply,
                            luck[sent[place], 2], hint,
                        )  # fmt: skip
                    finished = server
            else:
                _, finished, _ = serve(others, costs.other, int(free[3]), free[1], arrived, arm.server)
            _, _, moment, _, _ = transfer(
                down_start,
                down_rate,
                down_total,
                down_delay,
                down_loss,
                finished,
                back,
                costs.reply,
                luck[n, 2],
                hint,
            )
            moment = max(moment, last[1])
        if moment < first:
            best, first = number, moment
    return best
