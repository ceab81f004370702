"""Row groups: the rows of a weight that read the same places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

KEPT = 128
"""Patterns whose groups are kept: a network becomes a chain several times, and its masks stay."""


@dataclass(frozen=True)
class Group:
    """Rows that read the same places.

    Attributes:
        rows: numbers of the rows, (R,).
        columns: numbers of the columns they read, ascending, (K,).
        values: the weights, float32 (K, R).
    """

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray


def groups_of(weight: np.ndarray, mask: np.ndarray | None) -> list[Group]:
    """The rows of a matrix, those of equal support together, in the order of their first rows.

    Args:
        weight: float32 (rows, columns).
        mask: the weights that exist, boolean of the same shape; None where all do.
    """
    if mask is None:
        return [Group(np.arange(len(weight)), np.arange(weight.shape[1]), weight.T.copy())]
    packed = np.packbits(mask, axis=1)
    return [
        Group(rows, columns, weight[np.ix_(rows, columns)].T.copy())
        for rows, columns in _alike(packed.tobytes(), len(mask), mask.shape[1])
    ]


@lru_cache(KEPT)
def _alike(packed: bytes, height: int, width: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The numbers of rows of equal support and of the columns that they read, by a mask's bits, row by row."""
    bits = np.frombuffer(packed, np.uint8).reshape(height, -1)
    _, first, member = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    member = member.reshape(-1)
    by_group = np.split(np.argsort(member, kind="stable"), np.cumsum(np.bincount(member))[:-1])
    found = []
    for number in np.argsort(first):
        rows = by_group[number]
        columns = np.flatnonzero(np.unpackbits(bits[rows[0]], count=width))
        rows.flags.writeable = columns.flags.writeable = False
        found.append((rows, columns))
    return found
