"""The loop over requests, compiled by numba: device, link, server and the way back, each first in, first out.

A resource that is free at F takes a request that is ready at R at max(R, F) (Lindley's recursion, 1952); the link's service is
counted in byte time (`bench.replay.deploy.link`). Payloads and answers arrive in the order in which they were sent.
"""

from __future__ import annotations

import math

import numpy as np

from bench.kinds import belief
from bench.replay.deploy.foresee import foreseen
from bench.replay.deploy.link import carried, transfer
from bench.replay.deploy.server import serve, settle
from bench.replay.deploy.steps import (
    ANSWERED,
    ARRIVED,
    BEGIN,
    DONE,
    FINISHED,
    GIVES_UP,
    SENT,
    SERVED,
    START,
    Queues,
)
from bench.replay.deploy.view import awake, passed, tell
from bench.replay.streams.loop import compiled

after_sending, after_payload, after_answer, believed = (
    compiled(one)
    for one in (belief.after_sending, belief.after_payload, belief.after_answer, belief.believed)
)
NOTHING = belief.NOTHING


@compiled
def play(
    requests, costs, link, batching, arms, shown, own, memory, choose, stays, learn, evaluates, plan, allowed,
    moments, chosen, left, computed, radio, tails, seen, feedback,
):  # fmt: skip
    """Play all requests, the first to the last.

    It is one function, as arrays that are handed on are counted at each call: in parts it took up to four times as long.

    Args:
        requests: the requests.
        costs: of the network.
        link: both directions.
        batching: of the server.
        arms: records of `ARM`.
        shown: a copy of them, for the policy: what it writes there changes nothing.
        own: the policy's settings, a record.
        memory: of the policy, float64; written.
        choose: the policy's function, compiled, as are `stays` and `learn`.
        evaluates: 0 for no exit on the way, 1 for the last one before the cut, 2 for all, 3 for that of the number `memory[0]`.
        plan: the arm of every request; -1 where the policy chooses; -2 where the best is foreseen.
        allowed: the arms that may be foreseen, boolean (arms, samples).
        moments: float64 (N, 8); written.
        chosen: the arm of each request, int64 (N,); written.
        left: the exit on the device where it was answered, -1 where the server answered, int64 (N,); written.
        computed: the last exit that each request was answered by, or that was computed before it was sent; -1 for none, int64
            (N,); written.
        radio: joules of the radio while it sends, float64 (N,); written.
        tails: joules of the radio after that, float64 (N,); written.
        seen: a record of `SEEN`, overwritten, in an array of one.
        feedback: one of `FEEDBACK`, in the same way.

    Returns:
        The number of requests played: fewer than N where the policy chose no arm that there is.
    """
    arrivals, samples, luck, others = requests
    reach, head_seconds, sizes, confidences = costs.reach, costs.heads, costs.framed, costs.confidences
    up_start, up_rate, up_total, up_delay, up_loss, up_watts, up_energy = link.up
    down_start, down_rate, down_total, down_delay, down_loss, _, _ = link.down
    count, last_arm, exits = len(arrivals), len(arms) - 1, len(head_seconds)
    device = 0.0
    free = np.zeros(4)  # link, server, way back; place among others' requests
    last = np.zeros(2)  # arrival, answer
    near = np.zeros(2, np.int64)  # pieces up and down
    waiting = 0  # the first request that has not arrived
    sent = np.empty(count, np.int64)  # numbers of requests that were sent, in order
    sends, seen_sends, seen_answers, settled = 0, 0, 0, 0
    is_batching = batching.largest > 1
    reached = np.empty(count if is_batching else 0)  # arrivals of what was sent, and its arms
    arm_of = np.empty(count if is_batching else 0, np.int64)
    queues = Queues(free, last, near, sent, reached, arm_of)
    own_answers, seen_own = np.empty(count, np.int64), 0
    owns, answers = 0, 0
    previous = -1  # the last request that was sent
    handed, gone = 0, 0  # bytes handed to the link, and those of payloads whose last byte has left it
    used, reported, rate = 0.0, -1.0, math.nan
    rates = np.empty(count)  # of payloads that have left the link
    own_rate, whole = NOTHING, shown[last_arm].device
    waits = costs.patience if costs.patience < math.inf else GIVES_UP
    computed[:] = -1
    view, result = seen[0], feedback[0]
    view.link = view.rate = view.server = math.nan
    view.trip = up_delay[0] + down_delay[0]  # the connection is there already, and its handshake took so long
    for n in range(count):
        sample = samples[n]
        begin = max(arrivals[n], device)
        while waiting < count and arrivals[waiting] <= begin:
            waiting += 1
        if is_batching:
            settled = settle(costs, link, batching, requests, queues, sends, settled, begin, moments)
        arm = plan[n]
        if arm == -2:
            arm = foreseen(arms, costs, link, batching, requests, allowed, queues, n, begin, sends, settled)
        elif arm == -1:
            # What has become known by now, in the order in which it did.
            while seen_sends < sends and moments[sent[seen_sends], SENT] <= begin:
                one = sent[seen_sends]
                spent = moments[one, SENT] - moments[one, START]
                rates[one] = sizes[chosen[one], samples[one]] / spent if spent > 0 else math.inf
                own_rate = after_payload(own_rate, rates[one])
                gone += sizes[chosen[one], samples[one]]
                used += radio[one] + (tails[sent[seen_sends - 1]] if seen_sends > 0 else 0.0)
                seen_sends += 1
            while True:
                next_sent = math.inf
                if seen_answers < sends:
                    one = sent[seen_answers]
                    next_sent = min(moments[one, ANSWERED], max(arrivals[one] + waits, moments[one, DONE]))
                next_own = moments[own_answers[seen_own], ANSWERED] if seen_own < owns else math.inf
                now = min(next_sent, next_own)
                if now > begin or now == math.inf:
                    break
                if next_sent <= next_own:
                    one = sent[seen_answers]
                    seen_answers += 1
                    is_there = moments[one, ANSWERED] <= now
                    if is_there:
                        view.server = moments[one, FINISHED] - moments[one, ARRIVED]
                        view.trip = now - moments[one, SENT] - view.server
                    own_rate = after_answer(own_rate, rates[one], moments[one, BEGIN], now, whole, is_there)
                else:
                    one = own_answers[seen_own]
                    seen_own += 1
                answers += 1
                tell(
                    result,
                    requests,
                    costs,
                    link,
                    arms,
                    moments,
                    chosen,
                    left,
                    computed,
                    radio,
                    evaluates == 2,
                    one,
                    now,
                )
                learn(shown, own, memory, result)
            if link.report > 0:
                window = math.floor(begin / link.report) * link.report
                if window != reported and window >= link.report:
                    before = carried(up_start, up_rate, up_total, window - link.report, 0)
                    rate = (carried(up_start, up_rate, up_total, window, 0) - before) / link.report
                    reported = window
            view.time, view.waited, view.queue = begin, begin - arrivals[n], waiting - n - 1
            view.link, view.rate, view.answers = rate, believed(own_rate, begin), answers
            since = (
                moments[sent[seen_sends], START] if seen_sends < sends else math.inf
            )  # of what is on the link
            view.unsent = max(handed - gone - passed(up_start, up_rate, up_total, since, begin), 0.0)
            if costs.battery > 0:
                tail = awake(link, moments, tails, sent, sends, seen_sends, begin)
                spent = used + passed(up_start, up_watts, up_energy, since, begin) + tail
                view.battery = max(1.0 - spent / costs.battery, 0.0)
            else:
                view.battery = 1.0
            arm = choose(view, shown, own, memory, luck[n, 0])
        if arm < 0 or arm > last_arm:
            return n
        chosen[n] = arm
        here = arms[arm]
        # The device's part, with the exits on the way where the policy wants them.
        seconds, heads, answered_at = here.device, 0.0, -1
        asked = min(int(here.exits), exits - 1)  # the last exit's answer stands in any case
        if evaluates > 0 or costs.patience < math.inf:
            low, high = 0 if evaluates == 2 else max(int(here.exits) - 1, 0), asked
            if evaluates == 3:
                if 0 <= memory[0] < asked:
                    low = int(memory[0])
                    high = low + 1
                elif costs.patience == math.inf:
                    high = low
            for exit_ in range(low, high):
                heads += head_seconds[exit_]
                computed[n] = exit_
                is_asked = evaluates > 0 and (evaluates < 3 or exit_ == memory[0])
                if is_asked and stays(shown[arm], own, memory, exit_, confidences[exit_, sample]):
                    seconds, answered_at = reach[exit_], exit_
                    break
        if arm == last_arm and answered_at < 0:
            answered_at = exits - 1
            computed[n] = answered_at
        left[n] = answered_at
        device = begin + seconds + heads
        used += 0.0 if math.isnan(costs.watts) else costs.watts * (device - begin)
        moments[n, BEGIN], moments[n, DONE] = begin, device
        if answered_at >= 0:
            for place in range(START, ANSWERED + 1):
                moments[n, place] = device
            own_answers[owns] = n
            owns += 1
            continue
        framed = sizes[arm, sample]
        start, end, arrived, first, final = transfer(
            up_start, up_rate, up_total, up_delay, up_loss, device, free[0], framed, luck[n, 1], near[0]
        )
        near[0] = first
        if previous >= 0:
            tails[previous] = (
                min(start - free[0], link.tail_seconds) * link.tail_watts if start > free[0] else 0.0
            )
        free[0], previous = end, n
        handed += framed
        own_rate = after_sending(own_rate, begin)
        arrived = max(arrived, last[0])
        moments[n, START], moments[n, SENT], moments[n, ARRIVED] = start, end, arrived
        last[0] = arrived
        if is_batching:
            reached[sends], arm_of[sends] = arrived, arm
            moments[n, SERVED] = moments[n, FINISHED] = moments[n, ANSWERED] = (
                math.inf
            )  # until its batch begins
        else:
            served, finished, place = serve(others, costs.other, int(free[3]), free[1], arrived, here.server)
            free[1], free[3] = finished, place
            _, back, answered, near[1], _ = transfer(
                down_start,
                down_rate,
                down_total,
                down_delay,
                down_loss,
                finished,
                free[2],
                costs.reply,
                luck[n, 2],
                near[1],
            )
            free[2] = back
            answered = max(answered, last[1])
            last[1] = answered
            moments[n, SERVED], moments[n, FINISHED], moments[n, ANSWERED] = served, finished, answered
        if end < math.inf:
            radio[n] = carried(up_start, up_watts, up_energy, end, final) - carried(
                up_start, up_watts, up_energy, start, first
            )
        sent[sends] = n
        sends += 1
    if is_batching:
        settle(costs, link, batching, requests, queues, sends, settled, math.inf, moments)
    if previous >= 0:
        tails[previous] = link.tail_seconds * link.tail_watts
    return count
