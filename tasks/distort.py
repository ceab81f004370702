"""Distortions: test images as a device may meet them, though training did not (as in Bajpai et al., I-SplitEE, 2024)."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bench import Positive, Scale, SeesawError, Split, Stored, Task

ROWS = 500
"""How many images are distorted at once."""


class Distorted(Task):
    """A task whose test images may be blurred and noisy; training and calibration images stay as they are."""

    noise: Positive | None = None
    """deviation of Gaussian noise on the test images, where 1 is the deviation of a channel (std); none adds none"""
    blur: Annotated[float, Field(gt=0, le=64)] | None = None
    """deviation of a Gaussian blur of the test images, in pixels, before the noise; none blurs none"""

    def distort(self, test: Split, scale: Scale) -> Split:
        """The test split with blur and noise: the same for every seed."""
        if self.noise is None and self.blur is None:
            return test
        if isinstance(test.inputs, Stored):
            raise SeesawError(
                f"noise= and blur= change images in memory, and these are {test.inputs.nbytes / 1e9:.1f} GB. Take fewer of them "
                "(test=1000) or smaller ones (size=...)."
            )
        generator = torch.Generator().manual_seed(0)
        deviation = 255 * torch.tensor(scale.std).reshape(-1, 1, 1)
        inputs = torch.empty_like(test.inputs)
        for start in range(0, len(inputs), ROWS):
            images = test.inputs[start : start + ROWS].float()
            if self.blur is not None:
                images = blurred(images, self.blur)
            if self.noise is not None:
                images += self.noise * deviation * torch.randn(images.shape, generator=generator)
            inputs[start : start + ROWS] = images.round_().clamp_(0, 255).to(torch.uint8)
        return Split(inputs, test.labels)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images, float (N, C, H, W), under a Gaussian of three deviations; beyond an edge lies the edge's own pixel."""
    radius = math.floor(3 * sigma + 0.5)
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).expand(images.shape[1], 1, 1, -1)
    across, down = (radius, radius, 0, 0), (0, 0, radius, radius)
    for kernel, edges in ((weights, across), (weights.transpose(2, 3), down)):
        images = F.conv2d(F.pad(images, edges, mode="replicate"), kernel, groups=images.shape[1])
    return images
