"""Row chunks: rows that read the same places, a few at a time, as the native kernels train them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.execution.row_groups import Group

ROWS = 8
"""Rows of a chunk, at most: so many have their gradients in registers."""


@dataclass(frozen=True)
class Chunked:
    """A layer's weights in chunks.

    Attributes:
        chunks: int32 (chunks, 5): numbers of columns and rows, and where its columns, values and rows begin.
        index: int32: columns and rows of all chunks.
        rows: the row of every value, in the order of the kernels: chunk by chunk [place][row].
        columns: the column of every value, likewise.
    """

    chunks: Tensor
    index: Tensor
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, groups: Iterable[Group]) -> Chunked:
        """The rows of groups in chunks, with columns in the order of the groups."""
        chunks, index, where = [], [], []
        listed = stored = 0
        for group in groups:
            for rows in np.array_split(group.rows, -(-len(group.rows) // ROWS)):
                index += [group.columns, rows]
                chunks.append((len(group.columns), len(rows), listed, stored, listed + len(group.columns)))
                listed += len(group.columns) + len(rows)
                stored += len(group.columns) * len(rows)
                where.append(
                    np.stack(np.broadcast_arrays(rows[None, :], group.columns[:, None])).reshape(2, -1)
                )
        numbers = torch.from_numpy(np.concatenate(index).astype(np.int32))
        return cls(torch.tensor(chunks, dtype=torch.int32), numbers, *np.concatenate(where, 1))


def places(chunks: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of every value."""
    rows, columns = [], []
    for count, high, at, _, row in chunks.tolist():
        of_row, of_place = index[row : row + high].long(), index[at : at + count].long()
        rows.append(of_row.repeat(count))
        columns.append(of_place.repeat_interleave(high))
    return torch.cat(rows), torch.cat(columns)


def dense(values: Tensor, chunks: Tensor, index: Tensor, rows: int, columns: int) -> Tensor:
    """Values in their places, (rows, columns), zeros elsewhere."""
    at = places(chunks, index)
    return values.new_zeros(rows, columns).index_put(at, values.reshape(-1))
