"""Linked heads: those that see what earlier heads said. What they hear crosses every cut that lies between."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Linked(nn.Module):
    """A head that also sees what earlier heads said, and that may answer otherwise than it says itself.

    A head that is no such one says what it answers, and sees nothing but its stage's tensor.
    """

    def forward(self, x: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """What the head says, for later heads to see: logits (N, classes).

        Args:
            x: the tensor of the stage that the head hangs on.
            earlier: what each head before this one said, (N, classes), from the shallowest.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, earlier)")

    def answer(self, said: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """The exit's logits, (N, classes): what the head said, if it is not overridden. No place for layers."""
        return said


def ask(head: nn.Module, x: Tensor, earlier: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """What any head answers, and what it says to later ones."""
    if isinstance(head, Linked):
        said = head(x, earlier)
        return head.answer(said, earlier), said
    logits = head(x)
    return logits, logits


def together(feature: Tensor, said: Sequence[Tensor]) -> Tensor:
    """What crosses a cut: the feature as it is, or, flattened, with what heads before the cut said behind it."""
    return torch.cat([feature.flatten(1), *said], 1) if said else feature
