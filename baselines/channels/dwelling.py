"""Dwelling: a process that stays in a state for an exponential time, then moves to another one."""

import numpy as np

from bench import SeesawError

MOST = 1 << 22
"""The most moves of one table."""


def switched(
    means: np.ndarray, chances: np.ndarray, seconds: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one course of the process, from state 0 at 0 s.

    Args:
        means: seconds that it stays in each state in the mean, (states,).
        chances: of each move, (from, to), rows of sum 1.
        seconds: how long at least.
        seed: of the draws; a longer course begins with a shorter one.

    Returns:
        The starts of the stays in seconds, rising from 0, and their states.

    Raises:
        SeesawError: there would be too many moves.
    """
    if seconds / means.min() > MOST / 4:
        raise SeesawError(
            f"A channel that changes every {means.min():g} s changes too often in {seconds:g} s. Let its states last longer."
        )
    rng, until = np.random.default_rng(seed), np.cumsum(chances, 1)
    starts, states, now, state = [], [], 0.0, 0
    while now <= seconds:
        for stay, draw in rng.random((1024, 2)):
            starts.append(now)
            states.append(state)
            now += max(-means[state] * np.log1p(-stay), 1e-6)
            state = min(int(np.searchsorted(until[state], draw, side="right")), len(means) - 1)
            if now > seconds:
                break
    return np.array(starts), np.array(states)
