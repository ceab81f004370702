"""Linked heads: heads that read the logits of earlier heads, which then cross every cut in between."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class Linked(nn.Module):
    """A head that also reads the logits of earlier heads; the logits of its exit may differ from its own.

    Any other head reads its stage's tensor alone, and its own logits are those of its exit.
    """

    def forward(self, x: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """The head's own logits, (N, classes), which later heads read.

        Args:
            x: the tensor of the stage that the head hangs on.
            earlier: the own logits of each head before this one, (N, classes), from the shallowest.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, earlier)")

    def answer(self, own: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        """The exit's logits, (N, classes): the head's own unless overridden. Layers belong in `forward`."""
        return own


def logits_of(head: nn.Module, x: Tensor, earlier: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Returns (logits of the exit, the head's own logits, which later heads read), both (N, classes)."""
    if isinstance(head, Linked):
        own = head(x, earlier)
        return head.answer(own, earlier), own
    own = head(x)
    return own, own
