"""Depthwise convolutions: each row reads the image of one channel, which needs no zeros around it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from bench.execution.chain.builder import Draft
from bench.execution.chain.tape import Call, Ref, pair
from bench.execution.program.layout import LINE
from bench.execution.program.program import Each, Edges

KERNELS = (3, 5)
"""Taps down, the same number across, that the native kernel has."""


def is_depthwise(draft: Draft, call: Call) -> bool:
    """Whether a convolution is one that the native kernel for depthwise convolutions does."""
    x, weight, _, stride, padding, dilation, transposed = call.args[:7]
    if transposed or not isinstance(x, Ref) or not isinstance(weight, Tensor) or weight.ndim != 4:
        return False
    (_, parts, *kernel), channels = weight.shape, draft.tape.shape(x)[1]
    return (
        parts == 1 and channels > 1 and kernel[0] == kernel[1] and kernel[0] in KERNELS and pair(dilation) == (1, 1)
        and max(pair(padding)) < kernel[0] and pair(stride)[1] in (1, 2)
    )  # fmt: skip


def edges_of(draft: Draft, places: np.ndarray, call: Call) -> tuple[np.ndarray, int, Edges]:
    """The places of a depthwise convolution's columns, floats between the rows of its images, and its way over them.

    Args:
        draft: that a copy of the images becomes a step of, where their numbers do not follow one another.
        places: of the images' numbers, (C, H, W).
        call: of the convolution.
    """
    _, weight, _, stride, padding = call.args[:5]
    (channels, height, width), kernel = places.shape, weight.shape[2]
    grid = draft.room.grid(places, width)
    if grid is None or grid.row == 0:  # numbers apart, or a row that is there several times
        _, to = draft.room.image(channels, height, width, 0)
        draft.steps.append(Each(to.reshape(-1), places.reshape(-1, 1)))
        grid = draft.room.grid(to, width)
        assert grid is not None
    longest = max(
        width, width + 2 * pair(padding)[1] - kernel + 1
    )  # of a row and its results, were the stride 1
    wide = next(floats for floats in (4, 8, LINE) if longest <= floats or floats == LINE)
    edges = Edges(kernel, pair(padding), pair(stride), (height, width), wide)
    return np.repeat(grid.first, kernel * kernel), grid.row, edges
