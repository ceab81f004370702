"""Random resized crops: a random part of each image, scaled to the size that the network takes (Szegedy et al., CVPR 2015)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

RATIO = 4 / 3
"""A part is at most so many times as wide as high, or as high as wide."""


def drawn_boxes(count: int, least: float, generator: torch.Generator) -> Tensor:
    """Parts of images, float64 (count, 4): top, left, height and width as shares of the image.

    The share of the area is uniform from `least` to 1, the ratio's logarithm uniform, the place uniform. Where a side
    would be longer than the image it is as long: torchvision draws ten times before it gives up, which differs for
    areas near 1 alone.
    """
    area, ratio, top, left = torch.rand(4, count, generator=generator, dtype=torch.float64)
    area = least + (1 - least) * area
    ratio = ((2 * ratio - 1) * math.log(RATIO)).exp()
    height, width = (area / ratio).sqrt().clamp(max=1), (area * ratio).sqrt().clamp(max=1)
    return torch.stack([top * (1 - height), left * (1 - width), height, width], 1)


def zoomed(images: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Parts of images, uint8 (n, C, H, W) on the CPU, scaled to (n, C, *size), bilinearly with all pixels counted."""
    height, width = images.shape[-2:]
    corners = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    corners *= torch.tensor([height, width, height, width], dtype=boxes.dtype)
    out = torch.empty(len(images), images.shape[1], *size, dtype=images.dtype)
    for row, (top, left, bottom, right) in enumerate(corners.round().long().tolist()):
        part = images[row : row + 1, :, top : max(bottom, top + 1), left : max(right, left + 1)]
        out[row] = F.interpolate(part, size, mode="bilinear", antialias=True)[0]
    return out


def mirror(images: Tensor, chosen: Tensor) -> Tensor:
    """The images, (n, C, H, W), of which those chosen, boolean (n,), are mirrored in place."""
    for row in chosen.nonzero()[:, 0].tolist():
        images[row] = images[row].flip(-1)
    return images
