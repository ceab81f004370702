"""Windows: rows that read places of their own, as steps of look-ups (kernels/among.h).

The numbers that a layer reads lie in a sheet, pixel by pixel, all channels of one side by side. 16 rows walk along it together:
at each step they agree on a place, and every row takes up to four of its next numbers from the window that begins there. Rows
whose numbers lie behind wait for the others, and what a row does not take is a weight of zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.execution.program.forms import LANES
from bench.execution.program.layout import ABSENT
from bench.execution.program.program import Affine
from bench.execution.row_groups import Group

TOGETHER = 4
"""Numbers of a row that one step takes, at most."""
FAR = 1 << 30
"""The place of a number that a row does not have."""


@dataclass(frozen=True)
class Sheet:
    """Where a layer's numbers lie, position by position.

    Attributes:
        channels: the place in the arena of each channel's first pixel, (C,).
        pixels: of each channel.
        columns: how far from a position's place each column lies, (columns,); `ABSENT` where its number is nowhere.
        line: how far from a line's place each of its positions lies, (P,).
        outer: from one line to the next.
    """

    channels: np.ndarray
    pixels: int
    columns: np.ndarray
    line: np.ndarray
    outer: int

    @property
    def wide(self) -> int:
        """Levels of a pixel: its channels, filled up to whole vectors."""
        return filled_up(len(self.channels))


def filled_up(channels: int) -> int:
    """The next multiple of a vector."""
    return -(-channels // LANES) * LANES


def sheet_of(step: Affine, samples: int) -> Sheet | None:
    """The sheet of a layer for so many samples side by side; None where its columns are not the same taps of every channel,
    or its results do not follow one another along a line.
    """
    there = step.columns != ABSENT
    taps = step.taps if there.all() else 1
    if len(step.columns) % taps or not there.any() or step.keep is not None or step.twice is not None:
        return None
    if step.inner > 1 and (
        step.out_inner != step.length or (step.more is not None and step.more[3] != step.length)
    ):
        return None
    of_channel = step.columns[there].reshape(-1, taps)
    tap = of_channel[0] - of_channel[0].min()
    channels = of_channel[:, 0] - tap[0]
    if not np.array_equal(of_channel, np.add.outer(channels, tap)):
        return None
    line = np.add.outer(np.arange(step.inner) * step.in_inner, np.arange(step.length))
    pixels = int(tap.max() + (step.outer - 1) * step.in_outer + line.max() + 1)
    wide = filled_up(len(channels))
    columns = np.full(len(step.columns), ABSENT)
    columns[there] = np.add.outer(np.arange(len(channels)), tap * wide).reshape(-1)
    positions = np.add.outer(line.reshape(-1), np.arange(samples) * pixels) * wide
    return Sheet(channels, pixels, columns, positions.reshape(-1), step.in_outer * wide)


@dataclass(frozen=True)
class Steps:
    """The steps of up to 16 rows.

    Attributes:
        rows: their numbers, (R,).
        places: of the steps' windows, (S,).
        values: the weights of a step, four for each of 16 rows, int8 (S, 16, 4).
        among: where each looks in the window, uint8 (S, 16, 4).
    """

    rows: np.ndarray
    places: np.ndarray
    values: np.ndarray
    among: np.ndarray


def steps_of(groups: Sequence[Group], columns: np.ndarray, window: int, aligned: int) -> list[Steps]:
    """The rows of a layer, 16 at a time, those with most weights first.

    Args:
        groups: of its rows, with levels (K, R).
        columns: how far each column lies from a position's place.
        window: levels that a look-up chooses from, at most 256.
        aligned: a window begins at a multiple of it.
    """
    rows, places, values = _by_row(groups, columns)
    turn, every, four = np.zeros(len(places), int), np.arange(len(places)), np.arange(TOGETHER)
    found = list[tuple[np.ndarray, np.ndarray, np.ndarray]]()
    counts = np.zeros(len(places) // LANES, int)
    while True:
        begins = places[every, turn].reshape(-1, LANES).min(1)
        if (begins == FAR).all():
            break
        begins = np.where(begins == FAR, 0, begins // aligned * aligned)
        counts += places[every, turn].reshape(-1, LANES).min(1) < FAR
        apart = places[every[:, None], turn[:, None] + four] - np.repeat(begins, LANES)[:, None]
        taken = apart < window
        own = np.where(taken, values[every[:, None], turn[:, None] + four], 0)
        found.append((begins, own, np.where(taken, apart, 0)))
        turn += taken.sum(1)
    shape = (len(found), len(counts), LANES, TOGETHER)
    begins = np.array([one[0] for one in found], int).reshape(shape[:2])
    weights = np.array([one[1] for one in found], np.int8).reshape(shape)
    among = np.array([one[2] for one in found], np.uint8).reshape(shape)
    return [
        Steps(rows[n * LANES : (n + 1) * LANES], begins[:count, n], weights[:count, n], among[:count, n])
        for n, count in enumerate(counts)
    ]


def _by_row(groups: Sequence[Group], columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The numbers of the rows, those with most weights first, (R,); the places of each one's weights, rising, and their levels,
    both (R filled up to whole 16, the most weights + 4); `FAR` and 0 behind the last.
    """
    rows = np.concatenate([group.rows for group in groups])
    sizes = np.concatenate([np.full(len(group.rows), len(group.columns)) for group in groups])
    order = np.argsort(-sizes, kind="stable")
    at = np.empty(len(rows), int)
    at[order] = np.arange(len(rows))
    shape = filled_up(len(rows)), int(sizes.max(initial=0)) + TOGETHER
    places, values = np.full(shape, FAR), np.zeros(shape, np.int8)
    first = 0
    for group in groups:
        own, count = at[first : first + len(group.rows)], len(group.columns)
        of_columns = columns[group.columns]
        rising = np.argsort(of_columns, kind="stable")
        places[own, :count] = of_columns[rising]
        values[own, :count] = group.values[rising].T
        first += len(group.rows)
    return rows[order], places, values
