"""Planes: copies of an image, each moved, from which a convolution reads whole vectors.

A processor loads a vector that lies across two lines of its cache half as fast. Of an image as it is, most taps of a
convolution read such vectors. In a copy that is moved by a tap's way across, a run needs no zeros between the rows, and it
begins where a vector does. Taps that are whole vectors apart share a copy: the fewer, the better rows fill vectors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from bench.execution.chain.builder import Draft
from bench.execution.chain.depthwise import is_depthwise
from bench.execution.chain.tape import Call, Ref, pair
from bench.execution.program.layout import LINE, filled_up, row_of
from bench.execution.program.program import Each, Planes

READ = 8
"""How often each number of the copies must be read, at least: fewer weights do not pay for making them."""


@dataclass(frozen=True)
class Window:
    """The way of a convolution over an image.

    Attributes:
        taps: how far down and across each tap reads from a result's first pixel; less than 0 reads past the edge.
        stride: pixels from one result to the next, down and across.
        image: height and width of the image.
        result: height and width of the result.
    """

    taps: Sequence[tuple[int, int]]
    stride: tuple[int, int]
    image: tuple[int, int]
    result: tuple[int, int]

    @property
    def row(self) -> int:
        """From one row to the next."""
        return row_of(self.result[1])

    @property
    def phases(self) -> list[tuple[int, int]]:
        """The phases of the stride that it reads, in which its steps are 1."""
        down, across = self.stride
        return sorted({(y % down, x % across) for y, x in self.taps})

    def sizes(self) -> set[tuple[int, int]]:
        """Heights and widths of the phases' images."""
        (down, across), (height, width) = self.stride, self.image
        return {(-(-(height - y) // down), -(-(width - x) // across)) for y, x in self.phases}

    def moved(self) -> list[tuple[int, int, int]]:
        """Of each tap: the number of its phase, how far across it reads in there, and how far along the rows in all."""
        down, across = self.stride
        numbers = {phase: n for n, phase in enumerate(self.phases)}
        return [
            (numbers[y % down, x % across], x // across, y // down * self.row + x // across)
            for y, x in self.taps
        ]

    def planes(self) -> list[tuple[int, int, int]]:
        """The copies that its taps need: phase, way across, and how far along the rows beyond whole vectors."""
        return sorted({(phase, across, along % LINE) for phase, across, along in self.moved()})


def window_of(draft: Draft, call: Call) -> Window:
    """The way of a convolution over the image that it reads."""
    x, weight, _, stride, padding, dilation = call.args[:6]
    (top, left), (tall, wide) = pair(padding), pair(dilation)
    _, _, *kernel = weight.shape
    taps = [(y * tall - top, x * wide - left) for y in range(kernel[0]) for x in range(kernel[-1])]
    (*_, height, width), (*_, down, across) = draft.tape.shape(x), call.shape
    return Window(taps, pair(stride), (height, width), (down, across))


def worth_moving(draft: Draft) -> bool:
    """Whether a network's convolutions that read past the edge are together faster on copies of their images; depthwise ones need
    none, only that the others leave no zeros around images.
    """
    read = copied = 0
    for call in draft.tape.calls:
        if call.name != "convolution" or not any(call.args[4]):
            continue
        x, weight, transposed = call.args[0], call.args[1], call.args[6]
        if transposed or not isinstance(x, Ref) or not isinstance(weight, Tensor) or weight.ndim != 4:
            return False
        window = window_of(draft, call)
        _, mask = draft.weights(weight)
        pixels = math.prod(window.result)
        read += (weight.numel() if mask is None else int(mask.sum())) * pixels
        if is_depthwise(draft, call):
            continue
        if [width for _, width in window.sizes()] != [window.result[1]]:
            return False
        copied += len(window.planes()) * draft.tape.shape(x)[1] * pixels
    return read > 0 and read >= READ * copied


def columns_of(draft: Draft, places: np.ndarray, window: Window) -> np.ndarray:
    """The places of a convolution's columns (channel, tap) in copies of an image.

    Args:
        draft: that the copies become a step of.
        places: of the image's numbers, (C, H, W).
        window: the convolution's way over it.
    """
    phases, planes, taps = window.phases, window.planes(), window.moved()
    (down, across), ((height, width),) = window.stride, window.sizes()
    images = np.stack([places[:, y::down, x::across] for y, x in phases])
    first = _beginnings(draft, images.reshape(-1, height, width), window.row).reshape(len(phases), -1)
    along = np.array([far for _, _, far in taps])
    plane = np.array([planes.index((phase, way, far % LINE)) for phase, way, far in taps])
    begin = np.array([along[plane == n].min() for n in range(len(planes))])
    size = filled_up(window.result[0] * window.row + int((along - begin[plane]).max()))
    # The t-th number of a copy is what its taps read for a result at `at`: the number of the image that lies `way` columns further.
    way = np.array([[way] for _, way, _ in planes])
    at = begin[:, None] - way + np.arange(size)
    column = at % window.row + way
    there = (at >= 0) & (at < height * window.row) & (column >= 0) & (column < width)
    buffer = draft.room.buffer(len(places) * len(planes) * size)
    sources = np.stack([first[phase] for phase, _, _ in planes], 1)
    draft.steps.append(Planes(sources, begin, there, buffer.base))
    begins = buffer.base + np.arange(len(places) * len(planes)).reshape(-1, len(planes)) * size
    return (begins[:, plane] + along - begin[plane]).reshape(-1)


def _beginnings(draft: Draft, images: np.ndarray, row: int) -> np.ndarray:
    """The first places of images whose rows are so far apart; of copies where they are not, as those of a phase of a stride."""
    _, height, width = images.shape
    grid = draft.room.grid(images, row)
    if grid is None or grid.row != row:
        _, to = draft.room.image(len(images), height, width, 0, row)
        draft.steps.append(Each(to.reshape(-1), images.reshape(-1, 1)))
        images = to
    return images[:, 0, 0]
