"""A policy plays a stream: its rules compiled, its settings as a record, its arms' memory as an array."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, typeof, types
from numba.core.errors import NumbaError

from bench.errors import SeesawError
from bench.kinds.bases.online import Online, Rule
from bench.records.terms import Arms, Prices
from bench.replay.streams import loop
from bench.replay.streams.stream import Stream
from bench.replay.streams.tally import Tally


class Compiled(NamedTuple):
    """A policy's functions, compiled or plain, as loops take them."""

    index: Any
    update: Any
    forget: Any


@dataclass(frozen=True)
class Played:
    """The decisions of a policy on a stream.

    Attributes:
        arms: the arm played for each sample, int16 (N,).
        memory: each arm's memory at the end, by the names in the policy's `memory`, records (arms,).
    """

    arms: np.ndarray
    memory: np.ndarray


def settings(policy: Rule, terms: Online) -> np.ndarray:
    """The numbers of the terms, replaced and extended by those of the policy's settings, as one record."""
    both = terms.model_dump() | policy.model_dump()
    numbers = {k: float(v) for k, v in both.items() if isinstance(v, (int, float))}
    return np.array([tuple(numbers.values())], [(name, "f8") for name in numbers])


def blank(policy: Rule, arms: int) -> np.ndarray:
    """The memory of arms before anything is learnt: zeros, records (arms,)."""
    return np.zeros(arms, [(name, "f8") for name in policy.memory])


@cache
def rules(kind: type[Rule], memory: np.dtype, own: np.dtype) -> Compiled:
    """A policy's functions, compiled.

    Raises:
        SeesawError: one of them uses what numba cannot compile.
    """
    arm, record, rng = from_dtype(memory), from_dtype(own), typeof(np.random.default_rng())
    teach = types.void(arm, record, types.int64, types.float64)
    signatures = {"index": types.float64(arm, record, types.int64, types.float64, rng)}
    signatures |= {"update": teach, "forget": teach}
    functions = []
    for name, signature in signatures.items():
        try:
            functions.append(loop.compiled(getattr(kind, name), signature))
        except (NumbaError, KeyError) as error:  # KeyError: no such field in a record
            why = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
            raise SeesawError(
                f"{kind.__name__}.{name} cannot be compiled ({why.strip()}). Use numbers, `math`, and what it is given: "
                f"arm.{', arm.'.join(memory.names or ())}; own.{', own.'.join(own.names or ())}."
            ) from error
    return Compiled(*functions)


def play_stream(
    policy: Rule,
    stream: Stream,
    arms: Arms,
    rng: np.random.Generator,
    terms: Online | None = None,
    *,
    plain: bool = False,
) -> Played:
    """Let a policy play a stream.

    Args:
        policy: the policy.
        stream: the samples in the order in which they come.
        arms: the arms that can be played.
        rng: of the policy's own draws.
        terms: the terms of the reward; where left out, the policy's own if it has some, else the usual ones.
        plain: run everything as plain Python, hundreds of times slower; the decisions are the same.

    Raises:
        SeesawError: the rules cannot be compiled, or no arm's index is a number.
    """
    terms = terms or (policy if isinstance(policy, Online) else Online())
    own, memory = settings(policy, terms), blank(policy, len(arms.exits))
    prices = terms.prices(arms, side=policy.side)
    remembered = min(policy.remembers() or 0, len(stream) + 1)  # with one to spare, nothing is forgotten
    history, played = np.full((remembered, len(memory)), np.nan), np.zeros(len(stream), np.int16)
    kind = type(policy)
    rule = Compiled(kind.index, kind.update, kind.forget) if plain else rules(kind, memory.dtype, own.dtype)
    run = loop.play.py_func if plain else loop.play
    records = (memory.view(np.recarray), own.view(np.recarray)[0]) if plain else (memory, own[0])
    try:
        with np.errstate(all="ignore"):  # as in compiled code, undefined values are infinity or NaN
            done = run(
                stream.confidences, arms.exits, prices.compute, prices.send, terms.alpha, *records, rng,
                *rule, policy.side, policy.assumes(), terms.start == "free", history, played,
            )  # fmt: skip
    except (ArithmeticError, ValueError) as error:  # of plain Python alone
        raise SeesawError(
            f"{kind.__name__} computes what has no value ({error}): compiled it goes on with infinity or NaN. "
            "Say in `index` what an arm is worth there, math.inf if it must be tried."
        ) from error
    if done < len(stream):
        raise SeesawError(
            f"{kind.__name__}.index gives no arm a number above minus infinity at sample {done}. Mend its formula."
        )
    return Played(played, memory)


def tally(
    stream: Stream, arms: Arms, prices: Prices, alpha: float, played: np.ndarray, best: int,
    marks: np.ndarray,
) -> Tally:  # fmt: skip
    """Count the results of the arms that were played.

    Args:
        stream: the samples in the order in which they were played.
        arms: the arms that could be played.
        prices: of the arms.
        alpha: confidence from which an answer stands.
        played: the arm played for each sample, int16 (N,).
        best: the arm that regret is counted against.
        marks: the numbers of samples after which regret is read, rising, int64 (marks,).
    """
    plays = np.zeros(len(arms.exits), np.int64)
    correct, cost, sent, regret = loop.count(
        stream.confidences, stream.right, arms.exits, prices.compute, prices.send, prices.booked,
        prices.booked_send, alpha, played, best, marks, plays,
    )  # fmt: skip
    n = len(stream)
    return Tally(correct / n, cost / n, sent / n, regret, plays / n)


def best_fixed(stream: Stream, arms: Arms, prices: Prices, alpha: float) -> int:
    """The arm whose mean reward over the stream is largest, the shallowest of equal ones."""
    return int(loop.totals(stream.confidences, arms.exits, prices.compute, prices.send, alpha).argmax())
