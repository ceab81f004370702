"""Arenas: the places of a batch of samples, and which of them a layer's positions read and write."""

from __future__ import annotations

import numpy as np

from bench.execution.program.layout import ABSENT
from bench.execution.program.program import Affine, Each, Zero
from bench.execution.row_groups import Group

CHUNK = 32
"""Samples that are computed together."""


def reads(step: Affine, *, kept: bool = False) -> np.ndarray:
    """How far from a column's place its number for each sum lies, (P W,), those of a window one after the other.

    `kept`: of the image's own positions alone.
    """
    offsets = _offsets(step, step.in_outer, step.in_inner, kept)
    return offsets if step.window is None else np.add.outer(offsets, step.window).reshape(-1)


def writes(step: Affine, *, kept: bool = False) -> np.ndarray:
    """How far from a row's first place its result of each position lies, (P,)."""
    return _offsets(step, step.out_outer, step.out_inner, kept)


def _offsets(step: Affine, outer: int, inner: int, kept: bool) -> np.ndarray:
    along = np.arange(step.length)
    if kept and step.keep is not None:
        along = along[step.keep]
    return np.add.outer(
        np.add.outer(np.arange(step.outer) * outer, np.arange(step.inner) * inner), along
    ).reshape(-1)


def rows_of(step: Affine, rows: np.ndarray) -> np.ndarray:
    """The first places of rows."""
    return step.out + rows * step.out_row


def products(arena: np.ndarray, step: Affine, group: Group, values: np.ndarray) -> np.ndarray:
    """Sums of products of a group's rows, (N, R, P), the largest of each window, in the type of the values.

    Args:
        arena: of N samples, (N, places).
        step: the layer.
        group: of its rows.
        values: (K, R).
    """
    places = np.add.outer(step.columns[group.columns], reads(step))
    found = [
        np.einsum(
            "kr,nkp->nrp", values, arena[start : start + CHUNK, places].astype(values.dtype), optimize=True
        )
        for start in range(0, len(arena), CHUNK)
    ]
    sums = np.concatenate(found)
    return sums if step.window is None else sums.reshape(*sums.shape[:2], -1, len(step.window)).max(3)


def added(arena: np.ndarray, step: Affine, rows: np.ndarray) -> np.ndarray:
    """The numbers that a layer adds to its rows' sums, (N, R, P)."""
    assert step.more is not None
    first, row, outer, inner = step.more
    return arena[:, np.add.outer(first + rows * row, _offsets(step, outer, inner, False))]


def sources(arena: np.ndarray, step: Each) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of each element's sources, (N, E, K), and which of them there are, (E, K)."""
    return arena[:, step.sources], step.sources != ABSENT


def clear(arena: np.ndarray, step: Zero) -> np.ndarray:
    """Write a step's zeros; their places."""
    image = step.buffer.image
    assert image is not None
    within = np.concatenate(
        [np.arange(place, place + length) for place, length in step.segments] or [np.zeros(0, int)]
    )
    places = (step.buffer.base + np.add.outer(np.arange(image.channels) * image.channel, within)).reshape(-1)
    arena[:, places.astype(int)] = 0
    return places.astype(int)
