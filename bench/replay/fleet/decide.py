"""Decide: what a split policy does with each sample while the link is as it is, asked before any answer has come.

The devices of a fleet are as many as one likes, so none keeps a policy's memory: a policy is asked once for each piece of the
channel's table, with the rate of that piece as the modem would report it, and with its exits' confidences in each sample. A policy
that explores or draws lots has no such decision, and is refused.
"""

from __future__ import annotations

import math
from typing import get_args

import numpy as np

from bench.errors import SeesawError
from bench.kinds.begun import begun as begun_of
from bench.kinds.channel import Conditions
from bench.kinds.split import Evaluates, SplitBound, SplitPolicy
from bench.replay.deploy.game import Game
from bench.replay.deploy.play import functions
from bench.replay.deploy.view import blank
from bench.replay.fleet.state import Work
from bench.replay.streams.loop import compiled

ASKED, TIMES = 5, 1000
"""Rates of the link at which a policy is asked again and again, and how often at least."""
SURE = 0.99
"""The confidence of every answer meanwhile."""


def work_of(policy: SplitPolicy, spec: str, game: Game, conditions: Conditions) -> Work:
    """What a split policy makes of a game's samples.

    Args:
        policy: that decides.
        spec: its name, for errors.
        game: of the network between two profiles.
        conditions: the channel's table.

    Raises:
        SeesawError: the policy sees what no device does, explores or draws lots, or chooses no arm that there is.
    """
    if isinstance(policy, SplitBound):
        raise SeesawError(
            f"{spec} knows what is to come, and a fleet's devices do not. Choose another policy, such as fixed[cut=1] or dynamic."
        )
    if policy.evaluates == "chosen":
        raise SeesawError(
            f"{spec} chooses an exit for each request, and a fleet's devices have theirs decided by the cut. Set exits=false, or choose "
            "another policy."
        )
    arms, own, evaluates = game.arms, policy.own, get_args(Evaluates).index(policy.evaluates)
    rules = functions(type(policy), own.dtype)
    begun = begun_of(policy, game.known)
    links, of_piece = np.unique(
        np.stack([conditions.up * (1 - conditions.loss), 2 * conditions.delay], 1),
        axis=0,
        return_inverse=True,
    )
    chosen = np.zeros(len(links), np.int64)
    view, feedback = blank()
    watts = (game.known.watts[0], 0.0 if math.isnan(game.known.watts[1]) else game.known.watts[1])
    few = np.unique(np.linspace(0, len(links) - 1, ASKED).astype(int))
    for places, times in ((few, 2 * len(arms) + TIMES), (np.arange(len(links)), 1)):
        steady = ask(
            rules.choose, rules.stays, rules.learn, evaluates, len(game.costs.heads), watts, view, feedback, game.known.arms.copy(), own[0], begun, links,
            places, times, chosen,
        )  # fmt: skip
        if not steady:
            raise SeesawError(
                f"{spec} explores, learns, or draws lots: it decides otherwise while nothing changes, so a fleet's devices cannot be decided "
                "for beforehand. Choose a policy that does not, such as fixed[cut=1] or dynamic, or play this one with seesaw deploy."
            )
    if ((chosen < 0) | (chosen >= len(arms))).any():
        raise SeesawError(f"{spec}.choose gives no number from 0 to {len(arms) - 1}. Mend it.")
    seconds, exits = (np.zeros(game.costs.framed.shape, kind) for kind in (np.float64, np.int64))
    costs = game.costs
    walk(
        rules.stays,
        evaluates,
        arms,
        own[0],
        begun,
        costs.reach,
        costs.heads,
        costs.confidences,
        seconds,
        exits,
    )
    is_sent = exits < 0
    by_exit = np.stack([game.exit_right[row, np.arange(len(row))] for row in np.maximum(exits, 0)])
    return Work(
        seconds, is_sent, np.where(is_sent, costs.framed, 0).astype(np.float64), np.where(is_sent, game.right, by_exit),
        np.ascontiguousarray(arms["server"]), game.players.astype(np.int64),
        chosen[of_piece.reshape(-1)].astype(np.int64), float(costs.watts), float(costs.reply),
    )  # fmt: skip


@compiled
def ask(
    choose,
    stays,
    learn,
    evaluates,
    exits,
    watts,
    view,
    feedback,
    arms,
    own,
    begun,
    links,
    places,
    times,
    chosen,
):
    """Ask a policy for its arm, each time with a new memory, and then again while all comes as it was predicted.

    Args:
        choose: its function, compiled, as are `stays` and `learn`.
        stays: whether an exit's answer stands.
        learn: that teaches it.
        evaluates: 0 for no exit on the way, 1 for the last one before the cut, 2 for all.
        exits: of the network.
        watts: of the device while it computes, and of its radio while it sends; 0 where the latter is unknown.
        view: a record of `SEEN` in an array of one, overwritten.
        feedback: one of `FEEDBACK`, in the same way.
        arms: records of `ARM`.
        own: the settings.
        begun: its memory before the first request.
        links: bytes/s and the round trip in seconds, float64 (links, 2).
        places: numbers of the links for which it is asked.
        times: how often.
        chosen: its arm by link, int64 (links,); written.

    Returns:
        Whether it took the same arm each time, and kept the same exit's answers afterwards.
    """
    seen, result = view[0], feedback[0]
    for place in places:
        rate, trip = links[place]
        memory = begun.copy()
        seen.time = seen.waited = seen.queue = seen.unsent = seen.answers = 0.0
        seen.link = seen.rate = rate
        seen.trip, seen.server, seen.battery = trip, math.nan, 1.0
        for time in range(times):
            arm = choose(seen, arms, own, memory, (time + 0.5) / times)
            if time == 0:
                chosen[place] = arm
            elif arm != chosen[place]:
                return False
            if arm < 0 or arm >= len(arms) or times == 1:
                break
            is_sent = arm < len(arms) - 1
            one = arms[arm]
            sending = one.bytes / rate if is_sent and rate > 0 else 0.0
            asked = min(int(one.exits), exits - 1)
            result.arm, result.sent = arm, 1.0 if is_sent else 0.0
            result.exit = exits - 1 if not is_sent else asked - 1 if evaluates > 0 else -1
            result.sending, result.bytes = sending, one.bytes
            result.server = one.server if is_sent else 0.0
            result.away = one.server + trip if is_sent else 0.0
            result.seconds = one.device + sending + result.away
            result.local = SURE if result.exit >= 0 else math.nan
            result.answer = SURE
            result.same = 1.0
            result.joules = watts[0] * one.device + watts[1] * sending
            learn(arms, own, memory, result)
            first = asked if evaluates == 0 else 0 if evaluates == 2 else max(asked - 1, 0)
            if time == times - 1:
                for exit_ in range(first, asked):
                    if stays(one, own, memory, exit_, SURE) != stays(one, own, begun.copy(), exit_, SURE):
                        return False
    return True


@compiled
def walk(stays, evaluates, arms, own, memory, reach, heads, confidences, seconds, exits):
    """Walk every sample through every arm's part on the device: its seconds, and the exit that answers there, -1 for none.

    Args:
        stays: the policy's function, compiled.
        evaluates: 0 for no exit on the way, 1 for the last one before the cut, 2 for all.
        arms: records of `ARM`.
        own: the settings.
        memory: before the first request.
        reach: seconds to each exit's answer, without heads.
        heads: seconds of each.
        confidences: float64 (exits, samples).
        seconds: float64 (arms, samples); written.
        exits: int64 (arms, samples); written.
    """
    last = len(arms) - 1
    for arm in range(len(arms)):
        here = arms[arm]
        asked = min(int(here.exits), len(heads) - 1)
        first = asked if evaluates == 0 else 0 if evaluates == 2 else max(int(here.exits) - 1, 0)
        for sample in range(confidences.shape[1]):
            taken, computed, exits[arm, sample] = here.device, 0.0, len(heads) - 1 if arm == last else -1
            for exit_ in range(first, asked):
                computed += heads[exit_]
                if stays(here, own, memory, exit_, confidences[exit_, sample]):
                    taken, exits[arm, sample] = reach[exit_], exit_
                    break
            seconds[arm, sample] = taken + computed
