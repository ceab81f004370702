"""Layout: the places of numbers while a chain runs, in floats of one room.

The numbers of a block of N samples stand side by side at one place, so a tensor's elements are N floats apart and a
row of an image is one run of W x N floats. Images are stored with zeros around them, as wide as the widest padding of
the network, so that a convolution may read past the edge; or, where all such convolutions read copies (chain/planes.py) or
leave out what lies past the edge (chain/depthwise.py), without zeros, their rows `row_of` floats apart. What lies between
such rows is nobody's number, and nobody may use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

LINE = 16
"""Buffers begin at multiples of so many floats."""
MORE = 1.15
"""By how much rows may be longer than an image is wide, at most: a run is as much longer."""
ABSENT = -1
"""The place of a number that is zero and stands nowhere."""


def filled_up(floats: int) -> int:
    """The next multiple of a line."""
    return -(-floats // LINE) * LINE


def row_of(width: int) -> int:
    """Floats between the rows of an image without zeros around it: some more than its width where rows then fill vectors."""
    if width % (LINE // 2) == 0:
        return width
    return next(
        (row for unit in (LINE, LINE // 2) if (row := -(-width // unit) * unit) <= width * MORE), width
    )


@dataclass(frozen=True)
class Image:
    """Channels in a buffer: `channel` and `row` floats from one to the next, `pad` zeros on every side."""

    channels: int
    height: int
    width: int
    channel: int
    row: int
    pad: int


@dataclass(frozen=True)
class Buffer:
    """A part of the room."""

    base: int
    size: int
    image: Image | None = None


@dataclass
class Room:
    """Buffers one after the other, none of them shared; `allocate.settle` lets them share places."""

    lanes: int
    """samples in a block, N"""
    buffers: list[Buffer] = field(default_factory=list)
    used: int = 0

    def buffer(self, size: int, image: Image | None = None) -> Buffer:
        """A new buffer of so many floats."""
        made = Buffer(self.used, size, image)
        self.used += filled_up(max(size, 1))
        self.buffers.append(made)
        return made

    def vector(self, length: int) -> tuple[Buffer, np.ndarray]:
        """A buffer for so many numbers, and their places."""
        made = self.buffer(length * self.lanes)
        return made, made.base + np.arange(length) * self.lanes

    def image(
        self, channels: int, height: int, width: int, pad: int, row: int = 0
    ) -> tuple[Buffer, np.ndarray]:
        """A buffer for an image with zeros around it, and the places of its numbers, (C, H, W).

        Args:
            channels: C.
            height: H.
            width: W.
            pad: zeros on every side.
            row: floats from one row to the next, at least; to match another image's.
        """
        row = max(row, (width + 2 * pad) * self.lanes)
        channel = (height + 2 * pad) * row
        image = Image(channels, height, width, channel, row, pad)
        made = self.buffer(channels * channel, image)
        first = made.base + pad * row + pad * self.lanes
        return made, first + np.add.outer(
            np.add.outer(np.arange(channels) * channel, np.arange(height) * row),
            np.arange(width) * self.lanes,
        )

    def grid(self, places: np.ndarray, row: int = 0) -> Grid | None:
        """The grid that places (C, H, W) form, each channel within one buffer; None where they form none.

        Places of neighbouring buffers may follow one another here, and lie apart once buffers share places.
        """
        grid = grid_of(places, self.lanes, row)
        within = grid is not None and np.array_equal(self.of(places[:, 0, 0]), self.of(places[:, -1, -1]))
        return grid if within else None

    def of(self, places: np.ndarray) -> np.ndarray:
        """The numbers of the buffers that places lie in."""
        return np.searchsorted([buffer.base for buffer in self.buffers], places, side="right") - 1


@dataclass(frozen=True)
class Grid:
    """Places that follow one another evenly: `first` of every channel, `row` and `column` floats apart."""

    first: np.ndarray
    row: int
    column: int


def grid_of(places: np.ndarray, lanes: int, row: int = 0) -> Grid | None:
    """The grid that places (C, H, W) form, or None.

    Args:
        places: of an image's numbers.
        lanes: how far apart the columns of a buffer are.
        row: floats between rows, for images of one row.
    """
    row = int(places[0, 1, 0] - places[0, 0, 0]) if places.shape[1] > 1 else row
    even = places[:, :1, :1] + np.add.outer(
        np.arange(places.shape[1]) * row, np.arange(places.shape[2]) * lanes
    )
    whole = (places >= 0).all() and np.array_equal(even, places)
    return Grid(places[:, 0, 0], row, lanes) if whole else None
