"""Row groups: the rows of a weight that read the same places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    _, first, member = np.unique(np.packbits(mask, axis=1), axis=0, return_index=True, return_inverse=True)
    member = member.reshape(-1)
    groups = []
    by_group = np.split(np.argsort(member, kind="stable"), np.cumsum(np.bincount(member))[:-1])
    for number in np.argsort(first):
        rows = by_group[number]
        columns = np.flatnonzero(mask[rows[0]])
        groups.append(Group(rows, columns, weight[np.ix_(rows, columns)].T.copy()))
    return groups
