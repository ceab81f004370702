"""Serving: servers that take messages from one waiting line, one by one or in batches, and the ways back; compiled by numba."""

from __future__ import annotations

import math

from bench.replay.deploy.link import transfer
from bench.replay.fleet.chance import DOWN, SERVICE, uniform
from bench.replay.fleet.tally import BACK, BATCHES, FOR_SERVER, SERVED, WORKED, count
from bench.replay.streams.loop import compiled


@compiled
def serve(order, amount, until, free, batching, bounds, pieces, down, rules, receivers, messages, tally):
    """Let servers with one waiting line take messages in order, and the answers go back.

    Args:
        order: numbers of the messages.
        amount: of them: all that arrive before `until`.
        until: the moment.
        free: moments at which the servers are free, a heap; none for a server that is always free; written.
        batching: of each server.
        bounds: numbers of the first device of each group, and that behind the last.
        pieces: places of the first piece of each group's table in `down`, and that behind the last.
        down: the ways back of all groups, one behind the other.
        rules: what holds for all.
        receivers: the state of the ways back; written.
        messages: that arrived; written.
        tally: written.

    Returns:
        How many were taken: the rest waits in a batch that what is still to come may join.
    """
    start, rate, total, delay, loss, _, _ = down
    turn = 0
    while turn < amount:
        one = order[turn]
        least = free[0] if len(free) else -math.inf
        if batching.largest == 1:
            behind, begin, service = turn + 1, max(messages.arrived[one], least), messages.service[one]
        else:
            behind, begin, service = next_batch(order, amount, turn, until, least, batching, messages)
            if behind == turn:
                break
        if rules.exponential:
            service *= -math.log(uniform(rules.seed, messages.device[one], messages.number[one], SERVICE))
        finished = begin + service
        if len(free):
            lower(free, finished)
        share = 1.0 / (behind - turn)
        for taken in range(turn, behind):
            one = order[taken]
            device, number, arrived = messages.device[one], messages.number[one], messages.arrived[one]
            group = 0
            while device >= bounds[group + 1]:
                group += 1
            low, high = pieces[group], pieces[group + 1]
            place = receivers.place[device]
            repair = uniform(rules.seed, device, number, DOWN)
            _, back, answered, near, _ = transfer(
                start[low:high], rate[low:high], total[low:high], delay[low:high], loss[low:high],
                finished + place, receivers.down[device], messages.reply[one], repair, receivers.near_down[device],
            )  # fmt: skip
            receivers.down[device], receivers.near_down[device] = back, near
            answered = max(answered, receivers.answered[device])
            receivers.answered[device], messages.answered[one] = answered, answered - place
            asked = messages.asked[one]
            if asked >= rules.warm:
                tally.sums[FOR_SERVER] += begin - arrived
                tally.sums[SERVED] += service
                tally.sums[WORKED] += service * share
                tally.sums[BATCHES] += share
                if answered < math.inf:
                    tally.sums[BACK] += answered - place - finished
                count(tally, rules, asked, answered - place, messages.right[one])
        turn = behind
    return turn


@compiled
def next_batch(order, amount, turn, until, free, batching, messages):
    """The batch that the server which is free first begins next, as in `bench.replay.deploy.batches`.

    Args:
        order: numbers of the messages, as they arrive.
        amount: of those that arrive before `until`.
        turn: the place of the batch's first message in it.
        until: the moment.
        free: the moment at which the server is free.
        batching: its rules.
        messages: all of them.

    Returns:
        (place behind its last message, moment at which it begins, its seconds). The first is `turn` where a message that is still to
        come may join it: what is known of it by then is too little.
    """
    first, cuts = order[turn], batching.cuts
    cut, due, behind, decoding = cuts[messages.arm[first]], messages.arrived[first] + batching.wait, turn, 0.0
    is_closed = False
    while behind < amount and not is_closed:
        one = order[behind]
        moment = messages.arrived[one]
        if behind > turn and moment > max(free, due):
            is_closed = True
        elif cuts[messages.arm[one]] != cut:
            due, is_closed = min(due, moment), True
        else:
            decoding += batching.decoders[messages.arm[one]]
            behind += 1
            if behind - turn == batching.largest:
                due, is_closed = min(due, moment), True
    begin = max(free, due)
    if not is_closed and begin >= until:
        return turn, 0.0, 0.0
    return behind, begin, batching.seconds[cut, behind - turn] + decoding


@compiled
def lower(heap, value):
    """Replace the least number of a heap by one that is no less."""
    place, size = 0, len(heap)
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= value:
            break
        heap[place] = heap[below]
        place = below
    heap[place] = value
