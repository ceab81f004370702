"""Sheets: which columns of a layer are laid out side by side at once, for all rows that read them, and in which order.

Rows that read whole kernels, or the same columns, take them from there in blocks, several products at a time, and the index
names blocks in place of weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ROOM = 4096
"""Bytes of a sheet that several groups of rows share, at most."""
NUMBER = 8
"""Bytes of a column at the four positions."""
LEAST = 4
"""Columns of a block that is shared, at least: so many are multiplied at once."""


@dataclass(frozen=True)
class Sheet:
    """Columns that are laid out at once.

    Attributes:
        starts: first places of its blocks, (B,).
        pattern: how far from there the columns of each block lie, in the order in which they are laid out, (T,).
        fours: how many runs of four places come first in the pattern.
        blocks: for every group of rows that reads it, the numbers of its blocks.
    """

    starts: np.ndarray
    pattern: np.ndarray
    fours: int
    blocks: list[np.ndarray]

    def laid_out(self, values: np.ndarray, blocks: np.ndarray) -> np.ndarray:
        """Weights (K, R) of a group that reads some blocks, row by row in the order in which its columns are laid out."""
        order = np.argsort(np.argsort(self.pattern))
        laid = values.reshape(len(blocks), len(order), -1)[:, order] if len(blocks) else values
        return laid.reshape(-1, values.shape[1]).T.reshape(-1)

    @property
    def gaps(self) -> np.ndarray:
        """The gaps before the runs of four, and before the single columns, each counted from the block's start."""
        runs, single = self.pattern[: 4 * self.fours : 4], self.pattern[4 * self.fours :]
        return np.concatenate([np.diff(runs, prepend=0), np.diff(single, prepend=0)])


def sheets_of(groups: Sequence[np.ndarray], rows: Sequence[int]) -> list[Sheet] | None:
    """The sheets of a layer, each for the next groups; None where rows have little in common.

    Args:
        groups: places that each group of rows reads, rising.
        rows: how many rows each group has.
    """
    union = np.unique(np.concatenate(groups))
    if len(groups) > 1 and (found := _shared(groups, union)) is not None:
        return found
    if len(groups) > 1 and sum(rows) < 2 * len(groups):
        return None
    return [
        _sheet(places[:1], places - places[:1], [np.zeros(min(len(places), 1), int)]) for places in groups
    ]


def order_of(pattern: np.ndarray) -> tuple[np.ndarray, int]:
    """The order in which rising places are laid out, runs of four first, and how many of these there are."""
    runs, single, at = list[int](), list[int](), 0
    while at < len(pattern):
        if at + 3 < len(pattern) and pattern[at + 3] - pattern[at] == 3:
            runs += range(at, at + 4)
            at += 4
        else:
            single.append(at)
            at += 1
    return np.array(runs + single, int), len(runs) // 4


def _shared(groups: Sequence[np.ndarray], union: np.ndarray) -> list[Sheet] | None:
    """Sheets of blocks that several groups share; None where what they read consists of no blocks of one pattern."""
    numbers = [np.searchsorted(union, places) for places in groups]
    marks = {len(union)}
    for own in numbers:
        if len(own):
            ends = np.flatnonzero(np.diff(own) != 1)
            marks |= {int(own[0]), int(own[-1]) + 1, *(own[ends] + 1).tolist(), *own[ends + 1].tolist()}
    widest = math.gcd(*marks)
    fitting = [
        taps for taps in range(widest, LEAST - 1, -1) if widest % taps == 0 and _even(union.reshape(-1, taps))
    ]
    if not fitting:
        return None
    taps = fitting[0]
    places = union.reshape(-1, taps)
    sheets, members, laid = list[Sheet](), list[np.ndarray](), np.zeros(0, int)

    def end() -> None:
        """The sheet of the groups so far."""
        blocks = [np.searchsorted(laid, one) for one in members]
        sheets.append(_sheet(places[laid, 0], places[0] - places[0, 0], blocks))

    for own in (one[::taps] // taps for one in numbers):
        wider = np.union1d(laid, own)
        if members and NUMBER * taps * len(wider) > ROOM:
            end()
            members, wider = [], own
        members.append(own)
        laid = wider
    end()
    return sheets


def _even(places: np.ndarray) -> bool:
    """Whether blocks of places (B, T) have one pattern."""
    return bool((places - places[:, :1] == places[0] - places[0, 0]).all())


def _sheet(starts: np.ndarray, pattern: np.ndarray, blocks: list[np.ndarray]) -> Sheet:
    order, fours = order_of(pattern)
    return Sheet(starts, pattern[order], fours, blocks)
