"""A split policy plays a game's requests: its functions compiled, its settings as a record, its memory as an array."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from numba import from_dtype, types
from numba.core.errors import NumbaError, UnsupportedBytecodeError

from bench.errors import SeesawError
from bench.kinds.begun import begun
from bench.kinds.split import ARM, FEEDBACK, SEEN, Evaluates, SplitBound, SplitPolicy
from bench.replay.deploy import loop
from bench.replay.deploy.game import Game
from bench.replay.deploy.steps import ANSWERED, BEGIN, DONE, Requests
from bench.replay.deploy.view import blank
from bench.replay.streams.loop import compiled


class Compiled(NamedTuple):
    """A split policy's functions, compiled, as the loop takes them."""

    choose: Any
    stays: Any
    learn: Any


@dataclass(frozen=True)
class Played:
    """What became of every request.

    Attributes:
        moments: seconds, by the names in `bench.replay.deploy.steps`, float64 (N, 8).
        arms: that were chosen, int64 (N,).
        exits: on the device where requests were answered; -1 for those that were sent, int64 (N,).
        own: of those, the exit on the device that answered because the server had not at the deadline; -1 for none, int64 (N,).
        framed: bytes sent, int64 (N,).
        right: boolean (N,); False where no answer came.
        compute: joules of the device; NaN where its power is unknown, float64 (N,).
        radio: joules of the radio while it sends, float64 (N,).
        tails: joules of the radio after that, float64 (N,).
        arrivals: of the requests, float64 (N,).
    """

    moments: np.ndarray
    arms: np.ndarray
    exits: np.ndarray
    own: np.ndarray
    framed: np.ndarray
    right: np.ndarray
    compute: np.ndarray
    radio: np.ndarray
    tails: np.ndarray
    arrivals: np.ndarray

    @property
    def seconds(self) -> np.ndarray:
        """From the request to its answer, infinite where none came, float64 (N,)."""
        return self.moments[:, ANSWERED] - self.arrivals


@cache
def functions(kind: type[SplitPolicy], own: np.dtype) -> Compiled:
    """A split policy's functions, compiled.

    Raises:
        SeesawError: one of them uses what numba cannot compile, such as a field that no device could see.
    """
    record, numbers = from_dtype(own), types.Array(types.float64, 1, "C")
    arm, seen, feedback = from_dtype(ARM), from_dtype(SEEN), from_dtype(FEEDBACK)
    arms = types.Array(arm, 1, "C")
    signatures = {
        "choose": types.int64(seen, arms, record, numbers, types.float64),
        "stays": types.boolean(arm, record, numbers, types.int64, types.float64),
        "learn": types.void(arms, record, numbers, feedback),
    }
    compiled_ones = []
    for name, signature in signatures.items():
        try:
            compiled_ones.append(compiled(getattr(kind, name), signature, boundscheck=True))
        except (NumbaError, UnsupportedBytecodeError, KeyError, TypeError, AttributeError) as error:
            why = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
            raise SeesawError(
                f"{kind.__name__}.{name} cannot be compiled ({why.strip()}). Use numbers, `math`, and what it is handed: "
                f"seen.{', '.join(SEEN.names or ())}; arms[k].{', '.join(ARM.names or ())}; feedback."
                f"{', '.join(FEEDBACK.names or ())}; own.{', '.join(own.names or ())}."
            ) from error
    return Compiled(*compiled_ones)


def play(policy: SplitPolicy, game: Game, requests: Requests, kept: Path | None = None) -> Played:
    """Let a policy, or a bound, play all requests.

    Args:
        policy: that plays.
        game: that is played.
        requests: that come.
        kept: folder for what trained policies have learnt; left out, the process alone remembers it.

    Raises:
        SeesawError: its functions cannot be compiled, or it chooses an arm that there is not.
    """
    count = len(requests.arrivals)
    if not isinstance(policy, SplitBound):
        return _play(policy, game, requests, np.full(count, -1), kept=kept)
    if policy.foresees:
        allowed = np.array(policy.allowed(game.known, game.right))
        allowed[_outdone(game, allowed)] = False
        return _play(_Planned(), game, requests, np.full(count, -2), allowed)
    seconds, right = np.full(len(game.known.arms), math.inf), game.right[:, requests.samples].mean(1)
    for arm in np.flatnonzero(~_outdone(game, game.right)):
        seconds[arm] = _play(_Planned(), game, requests, np.full(count, arm)).seconds.mean()
    return _play(_Planned(), game, requests, np.full(count, policy.pick(game.known, seconds, right)))


def _outdone(game: Game, good: np.ndarray) -> np.ndarray:
    """Which arms another arm of the same cut outdoes for every sample: no slower, no more bytes, and good where it is good.

    First in, first out, less work never makes a later answer; so bounds need not try them. Where the server batches, an earlier
    payload may join another batch, so all are tried. Boolean (arms,).
    """
    arms, framed = game.arms, game.costs.framed
    outdone = np.zeros(len(arms), bool)
    if game.batching.largest > 1:
        return outdone
    for one in range(len(arms)):
        for other in np.flatnonzero((arms["cut"] == arms["cut"][one]) & ~outdone):
            if other == one or any(arms[side][other] > arms[side][one] for side in ("device", "server")):
                continue
            if (framed[other] <= framed[one]).all() and (good[other] >= good[one]).all():
                outdone[one] = True
                break
    return outdone


class _Planned(SplitPolicy):
    """Stands where a plan decides, and is never asked."""

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return -1


@contextmanager
def _errors() -> Iterator[list[str]]:
    """What compiled functions raise meanwhile, in words: it does not reach their caller, who gets a 0."""
    found: list[str] = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda one: found.append(f"{one.exc_type.__name__}: {one.exc_value}")
    try:
        yield found
    finally:
        sys.unraisablehook = before


def _play(
    policy: SplitPolicy,
    game: Game,
    requests: Requests,
    plan: np.ndarray,
    allowed: np.ndarray | None = None,
    kept: Path | None = None,
) -> Played:
    count = len(requests.arrivals)
    own, memory = policy.own, begun(policy, game.known, kept)
    moments, tails, radio = np.zeros((count, 8)), np.zeros(count), np.zeros(count)
    chosen, left, computed = (np.zeros(count, np.int64) for _ in range(3))
    rules = functions(type(policy), own.dtype)
    with _errors() as errors:
        done = loop.play(
            requests, game.costs, game.link, game.batching, game.arms,
            game.known.arms.copy(), own[0], memory, *rules,
            get_args(Evaluates).index(policy.evaluates), plan, np.ones((1, 1), bool) if allowed is None else allowed, moments, chosen,
            left, computed, radio, tails, *blank(),
        )  # fmt: skip
    if errors:
        raise SeesawError(
            f"{type(policy).__name__} stops with {errors[0]}: a place in `arms` or `memory` that there is not, or an error of its own. "
            "Mend its formulas; `begin` says how long its memory is."
        )
    if done < count:
        raise SeesawError(
            f"{type(policy).__name__}.choose gives no number from 0 to {len(game.known.arms) - 1} for request {done}. Mend it."
        )
    samples, is_sent = requests.samples, left < 0
    arrivals = requests.arrivals
    compute = game.costs.watts * (moments[:, DONE] - moments[:, BEGIN])
    # A device that does not wait any longer answers then, or when it is done where that is later.
    end = np.maximum(arrivals + game.costs.patience, moments[:, DONE])
    is_own = is_sent & (computed >= 0) & (moments[:, ANSWERED] > end)
    moments[is_own] = np.minimum(moments[is_own], end[is_own, None])
    own = np.where(is_own, computed, -1)
    answered = np.isfinite(moments[:, ANSWERED])
    exits, is_server = np.where(is_own, own, left), is_sent & ~is_own
    right = np.where(is_server, game.right[chosen, samples], game.exit_right[exits, samples]) & answered
    framed = np.where(is_sent, game.costs.framed[chosen, samples], 0)
    return Played(moments, chosen, left, own, framed, right, compute, radio, tails, arrivals)
