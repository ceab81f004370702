"""Loops: rows of places as counts and strides, so that a regular step needs no table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

DEPTH = 4
"""Loops within one another, at most."""


class Loop(NamedTuple):
    """A loop: how often it runs, and how far apart two turns lie in every column."""

    turns: int
    strides: tuple[int, ...]


def loops_of(rows: np.ndarray) -> list[Loop] | None:
    """The loops, outermost first and exactly `DEPTH` of them, that give rows of places (N, columns) from the first one.

    None where they follow no such order.
    """
    loops: list[Loop] = []
    left = rows.astype(np.int64)
    while len(left) > 1:
        count, step = _even(left), left[1] - left[0]
        turns = left.reshape(-1, count, left.shape[1])
        if count < 2 or not (turns == turns[:, :1] + np.arange(count)[:, None] * step).all():
            return None
        loops.insert(0, Loop(count, tuple(int(one) for one in step)))
        left = turns[:, 0]
    still = Loop(1, (0,) * rows.shape[1])
    return None if len(loops) > DEPTH else [still] * (DEPTH - len(loops)) + loops


def _even(rows: np.ndarray) -> int:
    """How many of the first rows are equally far apart, of the numbers that divide all."""
    steps = np.diff(rows, axis=0)
    other = np.flatnonzero((steps != steps[0]).any(1))
    most = int(other[0]) + 1 if len(other) else len(rows)
    return next(count for count in range(most, 0, -1) if len(rows) % count == 0)


def columns(loops: Sequence[Loop], column: int) -> list[int]:
    """The strides of one column, outermost first."""
    return [loop.strides[column] for loop in loops]
