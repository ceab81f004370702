"""The loops of a fleet, compiled by numba: devices and links up to a moment, messages in the order of their arrival, servers.

A request is answered by the arithmetic of `bench.replay.deploy.loop`: device, link, servers and the way back take one after the
other, first in, first out. No answer changes what a device does later. So the time of a fleet is cut into stretches: all devices
go on until the end of one, and what arrives by then at the servers is complete, as later requests arrive later. Memory holds the
devices and the messages of one stretch.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bench.replay.deploy.link import carried, transfer
from bench.replay.fleet.chance import DOWN, SAMPLE, SERVICE, UP, moment, uniform
from bench.replay.streams.loop import compiled

REQUESTS, ANSWERED, LATE, LOST, SENT, RIGHT = range(6)
"""Counts: of requests; those answered; those not answered by the deadline, or never; of these, those of devices without energy;
those sent; those answered rightly."""
LINE, DEVICE, FOR_LINK, SENDING, AWAY, FOR_SERVER, SERVED, BACK, WHOLE = range(9)
"""Sums of seconds: waiting for the device, computing there, waiting for the link, sending, the way, waiting for a server, computing
there, and the way back; and from the request to its answer."""
SHORTEST, GROWS, BINS = 1e-6, 1.01, 3_000
"""The bins of times to the answer: below so many seconds, then each wider by 1%; the last one has what never came."""


class Devices(NamedTuple):
    """The state of every device, float64 (N,) but for whole numbers. Moments are those of its place in the channel's table.

    Attributes:
        next: the moment of its next request, on the fleet's clock.
        number: of that request, int64.
        place: seconds by which its clock is ahead of the fleet's.
        device: when its device is free.
        up: when its link is; -1 where it has not sent.
        down: when its way back is.
        arrived: the last arrival of what it sent.
        answered: its last answer.
        near_up: a piece of the table that is not far before, int32.
        near_down: the same for the way back, int32.
        used: joules.
    """

    next: np.ndarray
    number: np.ndarray
    place: np.ndarray
    device: np.ndarray
    up: np.ndarray
    down: np.ndarray
    arrived: np.ndarray
    answered: np.ndarray
    near_up: np.ndarray
    near_down: np.ndarray
    used: np.ndarray


class Messages(NamedTuple):
    """What is on its way to the servers.

    Attributes:
        arrived: on the fleet's clock, float64.
        asked: when its request came, float64.
        service: mean seconds at a server, float64.
        reply: bytes of its answer, float64.
        device: its number, int32.
        number: of the request, int32.
        right: whether the answer is, boolean.
        answered: when the answer is there, on the fleet's clock, float64; of those that were served.
    """

    arrived: np.ndarray
    asked: np.ndarray
    service: np.ndarray
    reply: np.ndarray
    device: np.ndarray
    number: np.ndarray
    right: np.ndarray
    answered: np.ndarray


class Work(NamedTuple):
    """What a policy makes of each sample, by the arm it takes.

    Attributes:
        seconds: of the device, float64 (arms, samples).
        sent: whether the server answers, boolean (arms, samples).
        framed: bytes sent, float64 (arms, samples).
        right: whether the answer is right, boolean (arms, samples).
        service: mean seconds of the server, float64 (arms,).
        samples: that make requests, int64.
        arms: the arm that is taken while each piece of the channel's table holds, int64 (pieces,).
        watts: of the device while it computes; NaN where unknown.
        reply: bytes of an answer.
    """

    seconds: np.ndarray
    sent: np.ndarray
    framed: np.ndarray
    right: np.ndarray
    service: np.ndarray
    samples: np.ndarray
    arms: np.ndarray
    watts: float
    reply: float


class Rules(NamedTuple):
    """What holds for all devices.

    Attributes:
        seed: of chance.
        rate: requests a second of each.
        periodic: whether they come at equal distances.
        seconds: for which they come.
        warm: seconds at the beginning whose requests are not counted.
        deadline: seconds; infinite for none.
        battery: joules; 0 for one without end.
        exponential: whether service is, with the mean that is known; else it is constant.
        tail_seconds: for which a radio stays awake after its last byte.
        tail_watts: meanwhile.
    """

    seed: int
    rate: float
    periodic: bool
    seconds: float
    warm: float
    deadline: float
    battery: float
    exponential: bool
    tail_seconds: float
    tail_watts: float


class Tally(NamedTuple):
    """What came of all requests.

    Attributes:
        counts: by the names above, int64.
        sums: seconds by the names above, float64.
        times: requests by their time to the answer, int64 (`BINS`,).
        asked: requests by the stretch of the fleet's time in which they came, int64.
        late: of them, those not answered by the deadline.
    """

    counts: np.ndarray
    sums: np.ndarray
    times: np.ndarray
    asked: np.ndarray
    late: np.ndarray


@compiled
def count(tally, rules, asked, answered, right):
    """Count a request with its answer, or with none (infinite)."""
    taken = answered - asked
    place = min(int(asked / rules.seconds * len(tally.asked)), len(tally.asked) - 1)
    tally.counts[REQUESTS] += 1
    tally.asked[place] += 1
    if taken < math.inf:
        tally.counts[ANSWERED] += 1
        tally.counts[RIGHT] += right
        tally.sums[WHOLE] += taken
        within = int(math.log(taken / SHORTEST) / math.log(GROWS)) + 1 if taken > SHORTEST else 0
        tally.times[min(within, BINS - 2)] += 1
    else:
        tally.times[BINS - 1] += 1
    # an answer at the deadline is in time, whatever the last bit of a difference of moments says
    if not taken < math.inf or taken > rules.deadline * (1 + 1e-9):
        tally.counts[LATE] += 1
        tally.late[place] += 1


@compiled
def send(first, last, until, work, up, rules, devices, messages, filled, tally):
    """Let devices go on until whatever they send next arrives no sooner than a moment.

    Args:
        first: number of the first of them.
        last: that behind the last.
        until: the moment.
        work: what their policy makes of samples.
        up: their way to the servers.
        rules: what holds for all.
        devices: their state; written.
        messages: written from `filled` on.
        filled: how many there are.
        tally: written.

    Returns:
        (number of the device that goes on once there is room for more messages, or `last`, `filled` afterwards).
    """
    start, rate, total, delay, loss, watts, energy = up
    for device in range(first, last):
        place = devices.place[device]
        while True:
            asked, free, before = devices.next[device], devices.device[device], devices.arrived[device]
            if asked >= rules.seconds:
                break
            begin = max(asked + place, free)
            earliest = max(begin, before) if before < math.inf else begin
            if earliest - place >= until:
                break
            if filled == len(messages.arrived):
                return device, filled
            number = devices.number[device]
            devices.number[device] = number + 1
            devices.next[device] = moment(rules.seed, device, number + 1, asked, rules.rate, rules.periodic)
            counts = asked >= rules.warm
            if rules.battery > 0 and devices.used[device] >= rules.battery:
                if counts:
                    tally.counts[LOST] += 1
                    count(tally, rules, asked, math.inf, False)
                continue
            near = piece_from(start, begin, devices.near_up[device])
            luck = uniform(rules.seed, device, number, SAMPLE)
            sample = work.samples[min(int(luck * len(work.samples)), len(work.samples) - 1)]
            arm = work.arms[near]
            done = begin + work.seconds[arm, sample]
            devices.device[device], devices.near_up[device] = done, near
            if not math.isnan(work.watts):
                devices.used[device] += work.watts * (done - begin)
            if counts:
                tally.sums[LINE] += begin - place - asked
                tally.sums[DEVICE] += done - begin
            if not work.sent[arm, sample]:
                if counts:
                    count(tally, rules, asked, done - place, work.right[arm, sample])
                continue
            was = devices.up[device]
            repair = uniform(rules.seed, device, number, UP)
            begun, end, arrived, near, final = transfer(
                start, rate, total, delay, loss, done, was, work.framed[arm, sample], repair, near
            )
            if was >= 0 and begun > was:
                devices.used[device] += min(begun - was, rules.tail_seconds) * rules.tail_watts
            arrived = max(arrived, before)
            devices.up[device], devices.arrived[device] = end, arrived
            if end < math.inf:
                devices.used[device] += carried(start, watts, energy, end, final) - carried(
                    start, watts, energy, begun, near
                )
            if counts:
                tally.counts[SENT] += 1
            if arrived == math.inf:
                if counts:
                    count(tally, rules, asked, math.inf, False)
                continue
            if counts:
                tally.sums[FOR_LINK] += begun - done
                tally.sums[SENDING] += end - begun
                tally.sums[AWAY] += arrived - end
            messages.arrived[filled], messages.asked[filled] = arrived - place, asked
            messages.service[filled], messages.reply[filled] = work.service[arm], work.reply
            messages.device[filled], messages.number[filled] = device, number
            messages.right[filled] = work.right[arm, sample]
            filled += 1
    return last, filled


@compiled
def piece_from(start, moment, near):
    """The piece that a moment lies in, from one that is not behind it on; those that follow are near."""
    if start[near] > moment:
        near = 0
    step = 0
    while near + 1 < len(start) and start[near + 1] <= moment:
        near += 1
        step += 1
        if step == 8:
            return np.searchsorted(start, moment, side="right") - 1
    return near


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
def serve(order, amount, free, bounds, pieces, down, rules, devices, messages, tally):
    """Let servers with one waiting line take messages in order, and the answers go back.

    Args:
        order: numbers of the messages.
        amount: of them.
        free: moments at which the servers are free, a heap; none for a server for each message; written.
        bounds: numbers of the first device of each group, and that behind the last.
        pieces: places of the first piece of each group's table in `down`, and that behind the last.
        down: the ways back of all groups, one behind the other.
        rules: what holds for all.
        devices: their state; written.
        messages: that arrived.
        tally: written.
    """
    start, rate, total, delay, loss, _, _ = down
    for turn in range(amount):
        one = order[turn]
        device, number, arrived = messages.device[one], messages.number[one], messages.arrived[one]
        service = messages.service[one]
        if rules.exponential:
            service *= -math.log(uniform(rules.seed, device, number, SERVICE))
        begin = arrived
        if len(free):
            begin = max(arrived, free[0])
            lower(free, begin + service)
        finished = begin + service
        group = 0
        while device >= bounds[group + 1]:
            group += 1
        low, high = pieces[group], pieces[group + 1]
        place = devices.place[device]
        repair = uniform(rules.seed, device, number, DOWN)
        _, back, answered, near, _ = transfer(
            start[low:high], rate[low:high], total[low:high], delay[low:high], loss[low:high],
            finished + place, devices.down[device], messages.reply[one], repair, devices.near_down[device],
        )  # fmt: skip
        devices.down[device], devices.near_down[device] = back, near
        answered = max(answered, devices.answered[device])
        devices.answered[device], messages.answered[one] = answered, answered - place
        asked = messages.asked[one]
        if asked >= rules.warm:
            tally.sums[FOR_SERVER] += begin - arrived
            tally.sums[SERVED] += service
            if answered < math.inf:
                tally.sums[BACK] += answered - place - finished
            count(tally, rules, asked, answered - place, messages.right[one])


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


@compiled
def keep_rest(messages, filled, until):
    """Move what arrives no sooner than a moment to the front; gives how many there are."""
    kept = 0
    for one in range(filled):
        if messages.arrived[one] >= until:
            messages.arrived[kept], messages.asked[kept] = messages.arrived[one], messages.asked[one]
            messages.service[kept], messages.reply[kept] = messages.service[one], messages.reply[one]
            messages.device[kept], messages.number[kept] = messages.device[one], messages.number[one]
            messages.right[kept] = messages.right[one]
            kept += 1
    return kept
