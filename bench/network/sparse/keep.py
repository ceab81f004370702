"""Keeping masks through training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.network.sparse import mask
from bench.network.sparse.mask import masked


class Keeper:
    """Keeps hidden weights at zero: their gradients at every update, their optimiser state at every change."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.changes = -1
        """`mask.changes` when `pairs` were made"""
        self.pairs: list[tuple[Tensor, Tensor]] = []
        """every masked weight, and its mask as numbers"""

    def keep(self, optimizer: torch.optim.Optimizer) -> None:
        """Zero the gradients of hidden weights, and after a change of masks their optimiser state."""
        if self.changes != mask.changes:
            self.changes = mask.changes
            self.pairs = [
                (layer.weight, exists.to(layer.weight.dtype)) for _, layer, exists in masked(self.net)
            ]
            for weight, factor in self.pairs:
                for value in optimizer.state.get(weight, {}).values():
                    if isinstance(value, Tensor) and value.shape == weight.shape:
                        value.mul_(factor)
        with_gradient = [(weight.grad, factor) for weight, factor in self.pairs if weight.grad is not None]
        if with_gradient:
            gradients, factors = zip(*with_gradient, strict=True)
            torch._foreach_mul_(gradients, factors)  # pyright: ignore[reportPrivateImportUsage]  no public name
