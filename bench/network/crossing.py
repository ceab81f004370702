"""Crossing: the feature that crosses a cut, and the logits of earlier exits where later heads read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Crossing:
    """The tensors that cross one cut, for one sample.

    Attributes:
        shape: of the feature, without the batch.
        carried: how many earlier exits' logits go with it, because heads behind the cut read them.
        classes: how many logits an exit has.
    """

    shape: tuple[int, ...]
    carried: int
    classes: int

    @property
    def joined(self) -> tuple[int, ...]:
        """The shape, without the batch, of the one tensor that holds feature and logits (`join`)."""
        numbers = self.carried * self.classes
        return (math.prod(self.shape) + numbers,) if numbers else self.shape

    def join(self, feature: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """One tensor, (N, *joined): the feature as it is, or flattened with the logits behind it.

        Args:
            feature: (N, *shape).
            earlier: logits of the exits before the cut, each (N, classes), from the shallowest.
        """
        return torch.cat([feature.flatten(1), *earlier[: self.carried]], 1) if self.carried else feature

    def part(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The feature, (N, *shape), and the logits, each (N, classes), from one tensor that holds both."""
        if not self.carried:
            return x, []
        numbers = self.carried * self.classes
        feature, logits = x[:, :-numbers], x[:, -numbers:]
        return feature.reshape(x.shape[0], *self.shape), list(logits.split(self.classes, 1))
