"""The loops over a stream, compiled by numba; each also runs as plain Python (`.py_func`).

No loop is parallel in itself: loops release the interpreter's lock, and threads run several at once. So numba
loads no OpenMP library beside PyTorch's.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numba import cfunc, njit
from numba.core import config

from bench.errors import SeesawError
from bench.files import cache
from bench.kinds import belief


def _state() -> str:
    """A digest of the code of all replays: numba looks at the file of a function alone, and not at those of what it calls."""
    found = hashlib.sha256()
    for path in (*sorted(Path(__file__).parents[1].rglob("*.py")), Path(belief.__file__)):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


if not config.CACHE_DIR:  # pyright: ignore[reportAttributeAccessIssue] # NUMBA_CACHE_DIR names another
    with suppress(SeesawError):  # without a home numba looks for a folder itself
        config.CACHE_DIR = str(cache() / "numba" / _state())  # pyright: ignore[reportAttributeAccessIssue]


def compiled(function: Callable[..., Any], *signature: Any, boundscheck: bool = False) -> Any:
    """A function compiled and kept on disk until its file, or one of the replays here, changes.

    Args:
        function: uses numbers, arrays and records of numbers, and `math`.
        signature: the types of a function that loops take as an argument; left out for the loops.
        boundscheck: whether such a function looks whether places in arrays are there: an error is then reported to
            `sys.unraisablehook`, and its result is 0.
    """
    for keep in (True, False):
        try:
            if signature:
                options: dict[str, Any] = {"error_model": "numpy", "boundscheck": boundscheck, "cache": keep}
                return cfunc(*signature, **options)(function)
            return njit(nogil=True, cache=keep)(function)
        except RuntimeError:  # no folder to keep it in can be written
            if not keep:
                raise
    return None


@compiled
def earns(
    row: np.ndarray, exit_: int, last: int, alpha: float, compute: float, send: float
) -> tuple[float, bool]:
    """The reward of one arm on one sample, and whether the sample is sent on."""
    if exit_ == last or (exit_ >= 0 and row[exit_] >= alpha):
        return row[exit_] - compute, False
    return row[last] - send - compute, True


@compiled
def play(
    confidences, exits, compute, send, alpha, arms, own, rng, index, update, forget, side, assumes, free,
    history, played,
):  # fmt: skip
    """Play a stream from its first sample to its last.

    Args:
        confidences: of the samples in the order in which they come, float64 (N, exits).
        exits: the exit of each arm, int64 (arms,).
        compute: the cost of computing in each arm's reward, float64 (arms,).
        send: the cost in that reward where the sample is sent on, float64 (arms,).
        alpha: confidence from which an answer stands.
        arms: the memory of each arm, records (arms,); written.
        own: the policy's settings, a record.
        rng: of the policy's draws.
        index: the policy's function, compiled, as are `update` and `forget`.
        side: whether every arm up to the played one learns.
        assumes: whether such an arm learns the reward of sending on where nothing was sent.
        free: whether every arm learns from one sample beforehand.
        history: rewards, all NaN at first, float64 (samples remembered, arms), or of no samples; written.
        played: the arm of each sample, int16 (N,); written.

    Returns:
        The number of samples played: fewer than N where no arm's index is a number above minus infinity.
    """
    last = confidences.shape[1] - 1
    if free:
        for arm in range(len(arms)):
            row = confidences[arm % len(confidences)]
            reward, _ = earns(row, exits[arm], last, alpha, compute[arm], send[arm])
            update(arms[arm], own, 0, reward)
            if len(history):
                history[-1, arm] = reward
    for t in range(len(confidences)):
        row = confidences[t]
        luck = rng.random()
        best, highest = -1, -math.inf
        for arm in range(len(arms)):
            value = index(arms[arm], own, t, luck, rng)
            if value > highest:  # so of equal ones the shallowest is played
                best, highest = arm, value
        if best < 0:
            return t
        played[t] = best
        if len(history):
            slot = t % len(history)
            for arm in range(len(arms)):
                if not math.isnan(history[slot, arm]):
                    forget(arms[arm], own, t, history[slot, arm])
                    history[slot, arm] = math.nan
        _, is_sent = earns(row, exits[best], last, alpha, compute[best], send[best])
        is_known = (
            assumes or is_sent or exits[best] == last
        )  # the last exit's confidence, which sending yields
        for arm in range(0 if side else best, best + 1):
            reward, sent = earns(row, exits[arm], last, alpha, compute[arm], send[arm])
            if is_known or not sent:
                update(arms[arm], own, t, reward)
                if len(history):
                    history[t % len(history), arm] = reward
    return len(confidences)


@compiled
def totals(confidences, exits, compute, send, alpha):
    """The sum of rewards of each arm over all samples, float64 (arms,)."""
    sums = np.zeros(len(exits))
    last = confidences.shape[1] - 1
    for sample in range(len(confidences)):
        for arm in range(len(exits)):
            reward, _ = earns(confidences[sample], exits[arm], last, alpha, compute[arm], send[arm])
            sums[arm] += reward
    return sums


@compiled
def count(confidences, right, exits, compute, send, booked, booked_send, alpha, played, best, marks, plays):
    """Count the results of a stream that was played.

    Args:
        confidences: as for `play`, and so `exits`, `compute`, `send`, `alpha`, `played`.
        right: whether each exit is right, boolean (N, exits).
        booked: the booked cost of each arm, float64 (arms,).
        booked_send: the cost that is added where the sample is sent on, float64 (arms,).
        best: the arm that regret is counted against.
        marks: the numbers of samples after which regret is read, rising, int64 (marks,).
        plays: how often each arm was played, int64 (arms,); added to.

    Returns:
        (right answers, booked cost, samples sent on, regret at each mark as float64 (marks,)).
    """
    last = confidences.shape[1] - 1
    correct, sent, cost, regret, mark = 0, 0, 0.0, 0.0, 0
    regrets = np.zeros(len(marks))
    for t in range(len(confidences)):
        row, arm = confidences[t], played[t]
        reward, on = earns(row, exits[arm], last, alpha, compute[arm], send[arm])
        ideal, _ = earns(row, exits[best], last, alpha, compute[best], send[best])
        regret += ideal - reward
        cost += booked[arm]
        correct += right[t, last if on else exits[arm]]
        if on:
            cost += booked_send[arm]
            sent += 1
        plays[arm] += 1
        if t + 1 == marks[mark]:
            regrets[mark] = regret
            mark = min(mark + 1, len(marks) - 1)
    return correct, cost, sent, regrets
