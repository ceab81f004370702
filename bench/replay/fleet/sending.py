"""Sending: devices and their links up to a moment, compiled by numba.

A request is answered by the arithmetic of `bench.replay.deploy.loop`: device, link, servers and the way back take one after the
other, first in, first out. No answer changes what a device does later. So the time of a fleet is cut into stretches: all devices
go on until the end of one, and what arrives by then at the servers is complete, as later requests arrive later.
"""

from __future__ import annotations

import math

import numpy as np

from bench.replay.deploy.link import carried, transfer
from bench.replay.fleet.chance import SAMPLE, UP, moment, uniform
from bench.replay.fleet.tally import AWAY, DEVICE, FOR_LINK, LINE, LOST, SENDING, SENT, count
from bench.replay.streams.loop import compiled


@compiled
def send(first, last, offset, until, work, up, rules, devices, messages, filled, tally):
    """Let devices go on until whatever they send next arrives no sooner than a moment.

    Args:
        first: number of the first of them.
        last: that behind the last.
        offset: the number of the first device of `devices`.
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
        own = device - offset
        place = devices.place[own]
        while True:
            asked, free, before = devices.next[own], devices.device[own], devices.arrived[own]
            if asked >= rules.seconds:
                break
            begin = max(asked + place, free)
            earliest = max(begin, before) if before < math.inf else begin
            if earliest - place >= until:
                break
            if filled == len(messages.arrived):
                return device, filled
            number = devices.number[own]
            devices.number[own] = number + 1
            devices.next[own] = moment(rules.seed, device, number + 1, asked, rules.rate, rules.periodic)
            counts = asked >= rules.warm
            if rules.battery > 0 and devices.used[own] >= rules.battery:
                if counts:
                    tally.counts[LOST] += 1
                    count(tally, rules, asked, math.inf, False)
                continue
            near = piece_from(start, begin, devices.near_up[own])
            luck = uniform(rules.seed, device, number, SAMPLE)
            sample = work.samples[min(int(luck * len(work.samples)), len(work.samples) - 1)]
            arm = work.arms[near]
            done = begin + work.seconds[arm, sample]
            devices.device[own], devices.near_up[own] = done, near
            if not math.isnan(work.watts):
                devices.used[own] += work.watts * (done - begin)
            if counts:
                tally.sums[LINE] += begin - place - asked
                tally.sums[DEVICE] += done - begin
            if not work.sent[arm, sample]:
                if counts:
                    count(tally, rules, asked, done - place, work.right[arm, sample])
                continue
            was = devices.up[own]
            repair = uniform(rules.seed, device, number, UP)
            begun, end, arrived, near, final = transfer(
                start, rate, total, delay, loss, done, was, work.framed[arm, sample], repair, near
            )
            if was >= 0 and begun > was:
                devices.used[own] += min(begun - was, rules.tail_seconds) * rules.tail_watts
            arrived = max(arrived, before)
            devices.up[own], devices.arrived[own] = end, arrived
            if end < math.inf:
                devices.used[own] += carried(start, watts, energy, end, final) - carried(
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
            messages.device[filled], messages.number[filled], messages.arm[filled] = device, number, arm
            messages.answered[filled] = math.nan
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
