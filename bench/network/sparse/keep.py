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
        self.seen = -1
        self.pairs: list[tuple[Tensor, Tensor]] = []

    def keep(self, optimizer: torch.optim.Optimizer) -> None:
        """Zero what hidden weights would feel in the next update."""
        if self.seen != mask.changes:
            self.seen = mask.changes
            self.pairs = [
                (layer.weight, found.to(layer.weight.dtype)) for _, layer, found in masked(self.net)
            ]
            for weight, factor in self.pairs:
                for value in optimizer.state.get(weight, {}).values():
                    if isinstance(value, Tensor) and value.shape == weight.shape:
                        value.mul_(factor)
        felt = [(weight.grad, factor) for weight, factor in self.pairs if weight.grad is not None]
        if felt:
            gradients, factors = zip(*felt, strict=True)
            torch._foreach_mul_(gradients, factors)  # pyright: ignore[reportPrivateImportUsage]  no public name
