"""Look-ups: rows that read places of their own, 16 side by side, as steps.

16 rows walk along the numbers of a layer together: at each step they agree on a place, and every row takes some of its next numbers
from the window that begins there. Rows whose numbers lie behind wait for the others, and what a row does not take is a weight of
zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.execution.program.forms import LANES
from bench.execution.program.layout import filled_up
from bench.execution.row_groups import Group

FAR = 1 << 30
"""The place of a number that a row does not have."""


@dataclass(frozen=True)
class Steps:
    """The steps of up to 16 rows.

    Attributes:
        rows: their numbers, (R,).
        places: of the steps' windows, (S,).
        values: the weights of a step, those of each of 16 rows, (S, 16, T).
        among: where each looks in the window, uint8 (S, 16, T).
    """

    rows: np.ndarray
    places: np.ndarray
    values: np.ndarray
    among: np.ndarray


def steps_of(
    groups: Sequence[Group], columns: np.ndarray, window: int, *, together: int = 1, aligned: int = 1
) -> list[Steps]:
    """The rows of a layer, 16 at a time, those with most weights first.

    Args:
        groups: of its rows.
        columns: how far each column lies from a position's place.
        window: numbers that a look-up chooses from, at most 256.
        together: numbers of a row that one step takes at most, T.
        aligned: a window begins at a multiple of it; of 1, with a number that some row reads.
    """
    rows, places, values = _by_row(groups, columns, together)
    turn, every, some = np.zeros(len(places), int), np.arange(len(places)), np.arange(together)
    found = list[tuple[np.ndarray, np.ndarray, np.ndarray]]()
    counts = np.zeros(len(places) // LANES, int)
    while True:
        begins = places[every, turn].reshape(-1, LANES).min(1)
        if (begins == FAR).all():
            break
        begins = np.where(begins == FAR, 0, begins // aligned * aligned)
        counts += places[every, turn].reshape(-1, LANES).min(1) < FAR
        apart = places[every[:, None], turn[:, None] + some] - np.repeat(begins, LANES)[:, None]
        taken = apart < window
        own = np.where(taken, values[every[:, None], turn[:, None] + some], 0)
        found.append((begins, own, np.where(taken, apart, 0)))
        turn += taken.sum(1)
    shape = (len(found), len(counts), LANES, together)
    begins = np.array([one[0] for one in found], int).reshape(shape[:2])
    weights = np.array([one[1] for one in found], values.dtype).reshape(shape)
    among = np.array([one[2] for one in found], np.uint8).reshape(shape)
    return [
        Steps(rows[n * LANES : (n + 1) * LANES], begins[:count, n], weights[:count, n], among[:count, n])
        for n, count in enumerate(counts)
    ]


def _by_row(
    groups: Sequence[Group], columns: np.ndarray, together: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The numbers of the rows, those with most weights first, (R,); the places of each one's weights, rising, and the weights, both
    (R filled up to whole 16, the most weights and `together`); `FAR` and 0 behind the last.
    """
    rows = np.concatenate([group.rows for group in groups])
    sizes = np.concatenate([np.full(len(group.rows), len(group.columns)) for group in groups])
    order = np.argsort(-sizes, kind="stable")
    at = np.empty(len(rows), int)
    at[order] = np.arange(len(rows))
    shape = filled_up(len(rows)), int(sizes.max(initial=0)) + together
    places, values = np.full(shape, FAR), np.zeros(shape, groups[0].values.dtype)
    first = 0
    for group in groups:
        own, count = at[first : first + len(group.rows)], len(group.columns)
        of_columns = columns[group.columns]
        rising = np.argsort(of_columns, kind="stable")
        places[own, :count] = of_columns[rising]
        values[own, :count] = group.values[rising].T
        first += len(group.rows)
    return rows[order], places, values
