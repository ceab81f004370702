"""View: what a split policy sees of a request that begins, and what it learns of one whose answer is there."""

from __future__ import annotations

import math

import numpy as np

from bench.kinds.split import FEEDBACK, MOST_EXITS, SEEN
from bench.replay.deploy.link import carried
from bench.replay.deploy.steps import ANSWERED, ARRIVED, BEGIN, DONE, FINISHED, SENT, START
from bench.replay.streams.loop import compiled


@compiled
def passed(start, rate, total, since, moment):
    """What a link has carried since a moment: bytes, or joules as `carried` has them; none where that has not come."""
    return (
        carried(start, rate, total, moment, 0) - carried(start, rate, total, since, 0)
        if since < moment
        else 0.0
    )


@compiled
def awake(link, moments, tails, sent, sends, gone, moment):
    """Joules of the radio by a moment, after the last byte of the last payload that has left it.

    Args:
        link: both directions.
        moments: of the requests.
        tails: joules of the radio after each payload that another one has followed.
        sent: numbers of the requests that were sent.
        sends: how many.
        gone: of them, how many have left the link.
        moment: seconds.
    """
    if gone == 0:
        return 0.0
    last = sent[gone - 1]
    if gone < sends:
        return tails[last]
    return min(moment - moments[last, SENT], link.tail_seconds) * link.tail_watts


@compiled
def tell(result, requests, costs, link, arms, moments, chosen, left, computed, radio, every, one, now):
    """Write what a device learns of one request into a record of `FEEDBACK`.

    Args:
        result: the record.
        requests: all of them, as `costs`, `link`, `arms`, `moments`, `chosen`, `left`, `computed` and `radio` are in `play`.
        every: whether each exit on the way is computed.
        one: the request's number.
        now: the moment of its answer, or at which it is given up.
    """
    arm, sample, exit_ = chosen[one], requests.samples[one], computed[one]
    is_sent, is_answered = left[one] < 0, moments[one, ANSWERED] <= now
    is_server = is_sent and is_answered
    result.arm, result.sent, result.exit = arm, 1.0 if is_server else 0.0, exit_
    result.seconds = now - moments[one, BEGIN]
    result.sending = moments[one, SENT] - moments[one, DONE] if is_answered else 0.0
    result.away = now - (moments[one, SENT] if is_answered else moments[one, DONE])
    result.server = moments[one, FINISHED] - moments[one, ARRIVED] if is_answered else 0.0
    result.bytes = costs.framed[arm, sample] if is_sent else 0.0
    result.local = costs.confidences[exit_, sample] if exit_ >= 0 else math.nan
    result.answer = costs.confidences[len(costs.heads) - 1, sample] if is_server else result.local
    if not is_answered and costs.patience == math.inf:
        result.answer = math.nan
    result.same = math.nan
    if is_server and exit_ >= 0:
        result.same = 1.0 if costs.answers[arm, sample] == costs.exit_answers[exit_, sample] else 0.0
    sending = radio[one]
    if not is_answered:
        start, _, _, _, _, watts, energy = link.up
        sending = passed(start, watts, energy, moments[one, START], min(moments[one, SENT], now))
    result.joules = costs.watts * (moments[one, DONE] - moments[one, BEGIN]) + sending
    for place in range(min(len(costs.heads), MOST_EXITS)):
        is_computed = place == exit_ or (every and place < exit_)
        result.confidences[place] = costs.confidences[place, sample] if is_computed else math.nan


def blank() -> tuple[np.ndarray, np.ndarray]:
    """A record of what is seen and one of what is learnt, in arrays of one: zeros, and no confidence."""
    seen, feedback = np.zeros(1, SEEN), np.zeros(1, FEEDBACK)
    feedback["confidences"] = math.nan
    return seen, feedback
