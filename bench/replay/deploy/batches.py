"""Batches: requests of several devices that the server computes together, first in, first out.

A batch is of one cut, as all of it runs through the same stages. Its first request is the one that has waited longest; those
behind it join in their order until one is of another cut. The server begins, once it is free, when the batch is full, when its
first request has waited for so long, or when a request of another cut comes; what arrives by that moment is in it. So a batch that
begins at S is settled by what has arrived at S, and nothing that arrives later changes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bench.errors import SeesawError
from bench.replay.streams.loop import compiled


class Batching(NamedTuple):
    """How the server batches.

    Attributes:
        largest: requests in a batch; 1 for none that wait for each other.
        wait: seconds for which a batch's first request waits for others, at most.
        seconds: of the server's part from each cut on, by the number of requests in the batch, float64 (cuts, largest + 1).
        decoders: of each arm for one payload, float64 (arms,); a batch decodes its payloads one by one.
        cuts: of each arm, int64 (arms,); a batch is of one.
    """

    largest: int
    wait: float
    seconds: np.ndarray
    decoders: np.ndarray
    cuts: np.ndarray


def batching_of(
    arms: np.ndarray,
    server: tuple[float, ...],
    sizes: Mapping[int, tuple[float, ...]],
    largest: int,
    wait: float,
) -> Batching:
    """The batching of a server with a profile.

    Between two sizes that were timed, seconds lie on the line through both.

    Args:
        arms: records of `ARM`.
        server: seconds from each cut on, of one request, (cuts,).
        sizes: the same by batch size, for the whole batch.
        largest: requests in a batch.
        wait: seconds, at most.

    Raises:
        SeesawError: the profile has no times of batches as large.
    """
    known = {1: server} | {size: seconds for size, seconds in sizes.items() if size > 1}
    if max(known) < largest:
        timed = ", ".join(map(str, sorted(known)))
        raise SeesawError(
            f"The server batches up to {largest} requests, and its profile has times of batches of {timed} alone. Profile it "
            f"(seesaw profile --batches 1,{largest}) and name the file with --server, or choose a smaller --batch."
        )
    places, rows = sorted(known), np.array([known[size] for size in sorted(known)])
    seconds = np.zeros((len(server), largest + 1))
    for cut in range(len(server)):
        seconds[cut, 1:] = np.interp(np.arange(1, largest + 1), places, rows[:, cut])
    cuts = arms["cut"].astype(np.int64)
    return Batching(largest, wait, seconds, np.maximum(arms["server"] - np.array(server)[cuts], 0.0), cuts)


ALONE = Batching(1, 0.0, np.zeros((1, 2)), np.zeros(1), np.zeros(1, np.int64))
"""A server that takes one request after the other."""


@compiled
def next_batch(batching, others, at, free, arrived, arm_of, one):
    """The batch that the server begins next, as far as what has arrived tells.

    Args:
        batching: the server's.
        others: moments at which other devices' requests arrive, all from cut 0.
        at: number of the first of them that has not been served.
        free: the moment at which the server is free.
        arrived: moments of the device's own arrivals, rising; infinite from the first that never arrives.
        arm_of: their arms.
        one: number of the first of them that has not been served.

    Returns:
        (moment at which it begins, at which it ends, `at` behind it, `one` behind it). It begins at no finite moment where
        nothing waits.
    """
    due, cut, count, decoding = math.inf, -1, 0, 0.0
    while count < batching.largest:
        other = others[at] if at < len(others) else math.inf
        own = arrived[one] if one < len(arrived) else math.inf
        moment, is_other = min(other, own), other <= own
        if moment == math.inf or (count > 0 and moment > max(free, due)):
            break
        its_cut = 0 if is_other else batching.cuts[arm_of[one]]
        if count == 0:
            due, cut = moment + batching.wait, its_cut
        elif its_cut != cut:
            due = min(due, moment)
            break
        count += 1
        if is_other:
            at += 1
        else:
            decoding += batching.decoders[arm_of[one]]
            one += 1
        if count == batching.largest:
            due = min(due, moment)
    if count == 0:
        return math.inf, math.inf, at, one
    begin = max(free, due)
    return begin, begin + batching.seconds[cut, count] + decoding, at, one
