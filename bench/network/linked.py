"""Linked heads: those that read the logits of earlier ones. These cross every cut that lies between."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class Linked(nn.Module):
    """A head that also reads the logits of earlier heads, and whose exit may answer otherwise than by its own.

    A head that is no such one answers by its own logits, and reads nothing but its stage's tensor.
    """

    def forward(self, x: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """The head's own logits, (N, classes), which later heads read.

        Args:
            x: the tensor of the stage that the head hangs on.
            earlier: the own logits of each head before this one, (N, classes), from the shallowest.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, earlier)")

    def answer(self, own: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """The exit's logits, (N, classes): the head's own, if it is not overridden. No place for layers."""
        return own


def logits_of(head: nn.Module, x: Tensor, earlier: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The logits of the exit, and the head's own, which later heads read; both (N, classes)."""
    if isinstance(head, Linked):
        own = head(x, earlier)
        return head.answer(own, earlier), own
    own = head(x)
    return own, own
