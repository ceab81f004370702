"""Heads of early exits that fit any backbone."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from bench.errors import SeesawError

GRID = 4
"""Largest sides of the grid that mixed and convolutional heads pool to (as Shallow-Deep Networks do)."""

GeneralKind = Literal["pool", "mixed", "conv", "norm"]
"""Kinds of heads that fit any backbone."""

HeadKind = GeneralKind | Literal["own"]
"""One of these, or the backbone's own head."""


def head_of(kind: GeneralKind, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A classifier for features of a shape: (N, *shape) to (N, classes).

    `pool` is the mean over all places and a linear layer; `norm` the same behind batch norm (Bajpai et al.,
    I-SplitEE, 2024); `mixed` a learnt mixture of mean and largest values on a grid of up to 4 x 4 places, and
    a linear layer (Kaya et al., Shallow-Deep Networks, ICML 2019); `conv` a 3x3 convolution of as many
    channels with stride 2 and ReLU, the mean on such a grid, and a linear layer. Where features have no
    places, nothing is pooled or convolved.

    Args:
        kind: of the head.
        shape: (channels,), or (channels, height, width).
        classes: how many logits it gives.

    Raises:
        SeesawError: the features have another shape, which only `pool` takes.
    """
    if kind == "pool":
        return pooled_head(shape, classes)
    if len(shape) not in (1, 3):
        raise SeesawError(
            f"head={kind} takes features (channels,) or (channels, height, width), not {shape}. Use head=pool."
        )
    image = len(shape) == 3
    if kind == "norm":
        norm = nn.BatchNorm2d(shape[0]) if image else nn.BatchNorm1d(shape[0])
        return nn.Sequential(norm, pooled_head(shape, classes))
    if not image:
        return nn.Linear(shape[0], classes)
    channels, height, width = shape
    if kind == "mixed":
        kernel = -(-height // GRID), -(-width // GRID)
        grid = -(-height // kernel[0]), -(-width // kernel[1])
        return nn.Sequential(
            MixedPool(kernel), nn.Flatten(), nn.Linear(channels * grid[0] * grid[1], classes)
        )
    grid = min(GRID, -(-height // 2)), min(GRID, -(-width // 2))
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(grid),
        nn.Flatten(),
        nn.Linear(channels * grid[0] * grid[1], classes),
    )


class MixedPool(nn.Module):
    """a * largest + (1 - a) * mean of places, with a learnt (Lee et al., AISTATS 2016); a starts at 1/2.

    Args:
        kernel: height and width of a window that is pooled to one place; windows at the end may be smaller.
    """

    def __init__(self, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.largest = nn.MaxPool2d(kernel, ceil_mode=True)
        self.mean = nn.AvgPool2d(kernel, ceil_mode=True)
        self.mixture = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.mixture * self.largest(x) + (1 - self.mixture) * self.mean(x)


def pooled_head(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Global average pooling where the tensor has places, then one linear layer.

    Args:
        shape: (channels, ...) of the tensor it takes, without the batch.
        classes: how many logits it gives.
    """
    linear = nn.Linear(shape[0], classes)
    return linear if len(shape) == 1 else nn.Sequential(MeanPool(), linear)


class MeanPool(nn.Module):
    """The mean over all places: (N, C, ...) to (N, C)."""

    def forward(self, x):
        return x.flatten(2).mean(2)
