"""Halves: an index of half a byte a weight, for rows that read places of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.execution.row_groups import Group

LONGEST = 16
"""The longest way from a column to the next one that half a byte holds."""
MOST = 255
"""Weights of a row, at most: a byte has their number."""
SAVED = 256
"""Bytes that the form saves at least, in return for the function that it needs."""


@dataclass(frozen=True)
class Halves:
    """Rows whose gaps take half a byte each.

    Attributes:
        start: the place from which the gaps of every row begin.
        rows: how many.
        values: levels, row by row: the weights that are not 0, and zeros where a gap is too long, int8.
        index: of every row its number of levels, and their gaps, as text/int_halves.c reads them, uint8.
    """

    start: int
    rows: int
    values: np.ndarray
    index: np.ndarray


def halves_of(layers: Sequence[tuple[Group, np.ndarray]]) -> Halves | None:
    """The form for a layer's groups; None where a group has several rows, or the form is hardly shorter than a byte a gap.

    Args:
        layers: groups, and the places of their columns, rising.
    """
    if any(len(group.rows) != 1 for group, _ in layers):
        return None
    by_row = sorted(layers, key=lambda one: int(one[0].rows[0]))
    if [int(group.rows[0]) for group, _ in by_row] != list(range(len(by_row))):
        return None
    start = min((int(places[0]) for _, places in by_row if len(places)), default=0)
    rows = [_stepped(places, group.values[:, 0], start) for group, places in by_row]
    if max(len(gaps) for gaps, _ in rows) > MOST:
        return None
    index = np.concatenate([np.append(len(gaps), _packed(gaps)) for gaps, _ in rows]).astype(np.uint8)
    values = np.concatenate([levels for _, levels in rows]).astype(np.int8)
    if len(index) + len(values) + SAVED > 2 * sum(len(places) for _, places in by_row):
        return None
    return Halves(start, len(rows), values, index)


def _stepped(places: np.ndarray, levels: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """The gaps of a row, less one, none above 15, and its levels, 0 for every place that lies between; zeros are left out."""
    places, levels = places[levels != 0], levels[levels != 0]
    ways = np.diff(places, prepend=start - 1)
    steps = -(-ways // LONGEST)
    ends = np.cumsum(steps) - 1
    count = int(steps.sum())
    gaps, every = np.full(count, LONGEST - 1), np.zeros(count, levels.dtype)
    gaps[ends] = ways - LONGEST * (steps - 1) - 1
    every[ends] = levels
    return gaps, every


def _packed(gaps: np.ndarray) -> np.ndarray:
    """Gaps below 16 in bytes: of eight the first four in the lower halves; the last ones, fewer than eight, in turn."""
    whole = len(gaps) // 8 * 8
    eights, left = gaps[:whole].reshape(-1, 2, 4), gaps[whole:]
    pairs = np.pad(left, (0, len(left) % 2)).reshape(-1, 2)
    return np.concatenate([(eights[:, 0] | eights[:, 1] << 4).reshape(-1), pairs[:, 0] | pairs[:, 1] << 4])
