"""Belief: for how long a device believes the link's rate that its own last payload had.

A device without reports of the link knows its rate from what it sends itself. After a slow payload it would send no more, and so
would never learn that the link is fast again. So a rate is forgotten that made a request slower than the whole network on the
device: after as long as that request took, and twice as long after each further one in a row, as senders back off (Metcalfe & Boggs,
"Ethernet", CACM 19(7), 1976). The next request that is sent is a try; the old rate is believed again until its answer is there. A fast
answer ends the doubt.

The functions are plain Python; the replays compile them.
"""

import math
from typing import NamedTuple

MOST = 64.0
"""The most times as long as a request took, for which its rate is believed."""
STOPPED = 1e-9
"""Bytes/s that are believed of a link over which a request was given up: as good as none, and safe to divide by."""


class Belief(NamedTuple):
    """What a device believes of its link.

    Attributes:
        rate: bytes/s; NaN before anything was sent.
        until: the moment from which on it is forgotten; infinite while it is believed.
        times: as long as the last slow request took, for which its rate is believed; below 1 where the last one was not slow.
        doubted: the moment at which a request was last known to be slow.
    """

    rate: float
    until: float
    times: float
    doubted: float


NOTHING = Belief(math.nan, math.inf, 0.5, -math.inf)
"""Before the first payload."""


def believed(belief: Belief, now: float) -> float:
    """The rate that is believed at a moment, bytes/s; NaN for none."""
    return belief.rate if now < belief.until else math.nan


def after_sending(belief: Belief, now: float) -> Belief:
    """The belief once the device has begun with a request that it sends, at the moment `now`: one try is enough."""
    return Belief(belief.rate, math.inf, belief.times, belief.doubted) if now >= belief.until else belief


def after_payload(belief: Belief, rate: float) -> Belief:
    """The belief once a payload's last byte has left at a rate; in doubt its answer is waited for."""
    return Belief(rate, belief.until, belief.times, belief.doubted) if belief.times < 1 else belief


def after_answer(
    belief: Belief, rate: float, begun: float, now: float, whole: float, is_there: bool
) -> Belief:
    """The belief once the answer to a request that was sent is there, or given up.

    Args:
        belief: before.
        rate: that its payload had, bytes/s; without a doubt that of a later payload may be known already.
        begun: the moment at which the device began with the request.
        now: the moment of the answer, or of giving up.
        whole: seconds of the whole network on the device.
        is_there: whether there is an answer.
    """
    if is_there and now - begun <= whole:
        return Belief(rate if belief.times >= 1 else belief.rate, math.inf, 0.5, -math.inf)
    # What was under way already when the link was doubted is no new try.
    times = min(2 * belief.times, MOST) if begun >= belief.doubted else belief.times
    return Belief(rate if is_there else STOPPED, now + times * (now - begun), times, now)
