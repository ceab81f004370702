"""Windows: the inputs of convolutions, as images with zeros around them and strides of 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.execution.chain.builder import Draft
from bench.execution.program.layout import ABSENT, Buffer, row_of
from bench.execution.program.program import Each


def padded(draft: Draft, places: np.ndarray, pad: int) -> tuple[np.ndarray, int]:
    """First places of every channel, and floats between rows, of an image with zeros around it."""
    for _ in range(2):
        numbers = draft.room.of(places[:, 0, 0])
        images = [
            draft.room.buffers[n].image if place >= 0 else None
            for n, place in zip(numbers, places[:, 0, 0], strict=True)
        ]
        rows = {image.row for image in images if image is not None}
        grid = draft.room.grid(places, next(iter(rows), 0))
        if (
            grid is not None
            and None not in images
            and rows == {grid.row}
            and (
                pad == 0
                or all(
                    _within(draft, place, draft.room.buffers[n], places.shape)
                    for n, place in zip(numbers, grid.first, strict=True)
                )
            )
        ):
            return grid.first, grid.row
        places = draft.copied(places)
    raise AssertionError("an image was copied to no image")


def _within(draft: Draft, place: int, buffer: Buffer, shape: tuple[int, ...]) -> bool:
    """Whether a channel is the whole image of a buffer, zeros around it and all."""
    image = buffer.image
    assert image is not None
    inside = (place - buffer.base) % image.channel
    return inside == image.pad * (image.row + draft.lanes) and (image.height, image.width) == shape[1:]


def phases_of(
    draft: Draft,
    places: np.ndarray,
    taps: Sequence[tuple[int, int]],
    stride: tuple[int, int],
    shape: Sequence[int],
) -> tuple[np.ndarray, int]:
    """An image split into one for each phase of the stride, so that strides become 1.

    Returns:
        Places of the columns (channel, tap), and floats between rows.
    """
    channels, height, width = places.shape
    (down, across), (_, rows, columns) = stride, shape
    phases = sorted({(y % down, x % across) for y, x in taps})
    low = min(0, *(y // down for y, _ in taps)), min(0, *(x // across for _, x in taps))
    tall = rows + max(y // down for y, _ in taps) - low[0]
    wide = columns + max(x // across for _, x in taps) - low[1]
    row = max(wide, row_of(columns) if draft.moves else columns + 2 * draft.pad)
    buffer = draft.room.buffer(channels * len(phases) * tall * row)
    to = buffer.base + np.arange(channels * len(phases) * tall * row).reshape(channels, -1, tall, row)
    sources = np.full(to.shape, ABSENT)
    for n, (y, x) in enumerate(phases):
        at_y, at_x = (np.arange(tall) + low[0]) * down + y, (np.arange(wide) + low[1]) * across + x
        in_y, in_x = (at_y >= 0) & (at_y < height), (at_x >= 0) & (at_x < width)
        sources[:, n, np.flatnonzero(in_y)[:, None], np.flatnonzero(in_x)] = places[
            :, at_y[in_y][:, None], at_x[in_x]
        ]
    draft.steps.append(Each(to.reshape(-1), sources.reshape(-1, 1)))
    of_tap = [
        to[:, phases.index((y % down, x % across)), y // down - low[0], x // across - low[1]] for y, x in taps
    ]
    return np.stack(of_tap, 1).reshape(-1), row
