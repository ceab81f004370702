"""Backbone: an ordered list of stages, tensor in, tensor out."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from torch import nn

from bench.errors import SeesawError
from bench.network.net import Sample
from bench.plugins.plugin import Plugin, Positive


class Backbone(Plugin):
    """The contract: `stages` gives the list; `head` has a default; `width` scales every inner width.

    `width` is how the control `narrow` makes a smaller dense network of any backbone, so `stages` must obey it:
    write every inner width as `self.scaled(64)`.
    """

    kind: ClassVar[str] = "backbone"

    width: Positive = 1.0
    """factor on every inner width"""

    @property
    def example(self) -> Sample:
        """A sample such as it takes, to check it on."""
        return Sample((3, 16, 16))

    def stages(self, sample: Sample) -> list[nn.Module]:
        """The stages for inputs that look like `sample`."""
        raise NotImplementedError(f"{type(self).__name__} must define stages(sample)")

    def head(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A classifier for a stage's tensor of this shape, without the batch: pooled to one value a channel."""
        return pooled_head(shape, classes)

    def identity(self) -> dict[str, Any]:
        """What beside its settings tells weights that it begins with from others: a digest of files, a revision."""
        return {}

    def scaled(self, channels: int) -> int:
        """A width times `width`, at least 1."""
        return max(1, round(channels * self.width))


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


def channels_of(sample: Sample) -> int:
    """The channels of an image sample.

    Raises:
        SeesawError: the sample is no image (channels, height, width).
    """
    if len(sample.shape) != 3:
        raise SeesawError(
            f"A sample of shape {sample.shape} is no image (channels, height, width). "
            "Choose a backbone for that data: `seesaw list backbone`."
        )
    return sample.shape[0]


def features_of(sample: Sample) -> int:
    """How many numbers one sample holds.

    Raises:
        SeesawError: the sample is a text, whose numbers are names of tokens and no quantities.
    """
    if sample.vocabulary:
        raise SeesawError(
            "A text's token ids are names, not quantities. Choose a backbone for text: `seesaw list backbone`."
        )
    return math.prod(sample.shape)


def places_of(sample: Sample) -> int:
    """How many tokens a text holds, padding included.

    Raises:
        SeesawError: the sample is no text (a row of token ids).
    """
    if not sample.vocabulary:
        raise SeesawError(
            f"A sample of shape {sample.shape} is no text (a row of token ids). "
            "Choose a task of texts, or another backbone: `seesaw list`."
        )
    return sample.shape[0]
