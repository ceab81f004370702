"""Sheets: the numbers that a layer reads, pixel by pixel, all channels of one side by side (kernels/among.h).

So the steps of rows that look their places up (program/look_ups.py) serve every position of a convolution, and every sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.execution.program.layout import ABSENT, filled_up
from bench.execution.program.program import Affine


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
