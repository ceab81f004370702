"""Backbone: an ordered list of stages, tensor in, tensor out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import nn

from bench.errors import SeesawError
from bench.network.heads import pooled_head
from bench.network.net import Sample
from bench.plugins.plugin import Plugin, Positive
from bench.records.setup import Preprocessing


class Backbone(Plugin):
    """The contract: `stages` gives the list; `head` has a default; `width` scales every inner width.

    `width` is how the control `narrow` makes a smaller dense network of any backbone, so `stages` must obey
    it: write every inner width as `self.scaled(64)`.
    """

    kind: ClassVar[str] = "backbone"

    width: Positive = 1.0
    """factor on every inner width"""

    @property
    def narrows(self) -> bool:
        """Whether `stages` obeys `width`: hardly ever where the network is another's."""
        return True

    @property
    def example(self) -> Sample:
        """The form of a sample that it takes, for checks."""
        return Sample((3, 16, 16))

    def stages(self, sample: Sample) -> list[nn.Module]:
        """The stages for inputs that look like `sample`."""
        raise NotImplementedError(f"{type(self).__name__} must define stages(sample)")

    def head(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A classifier for a stage's tensor of this shape, without the batch: pooled to one value a channel."""
        return pooled_head(shape, classes)

    def parts(self, sample: Sample, classes: int) -> tuple[list[nn.Module], nn.Module | None]:
        """The stages, and the classifier of the last one; None where `head` makes that too.

        For networks that bring a classifier of their own, or whose stages depend on the number of classes.
        """
        return self.stages(sample), None

    def for_task(self, names: Sequence[str], inputs: Preprocessing | None) -> Self:
        """The same backbone for a task (`About`): a network trained for more classes keeps those of these names.

        Args:
            names: of the classes in their order.
            inputs: how images are scaled for the weights, where that is not the task's way.
        """
        return self

    def trained(self, classes: int) -> bool:
        """Whether its initial weights, the classifier's included, are those of a network trained for so many classes."""
        return False

    def preprocessing(self) -> Preprocessing | None:
        """How images looked when its initial weights were trained; None where these are random, or it is not on record."""
        return None

    def preprocessing_of(self, file: Path, sha256: str) -> Preprocessing | None:
        """The same of a file of weights that it knows by name and digest; None where it does not."""
        return None

    def identity(self) -> dict[str, Any]:
        """The identity of its initial weights, beside its settings: a digest of files, a revision."""
        return {}

    def scaled(self, channels: int) -> int:
        """A width times `width`, at least 1."""
        return max(1, round(channels * self.width))


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
        SeesawError: the sample is a text, whose numbers are names of tokens and not quantities.
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
