"""Keeping masks through training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.sparse.mask import masked


class Keeper:
    """Keeps hidden weights at zero: their gradients at every update, their optimiser state at every change."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.seen: list[tuple[int, int]] = []
        self.weights: list[Tensor] = []
        self.factors: list[Tensor] = []

    def keep(self, optimizer: torch.optim.Optimizer) -> None:
        """Zero what hidden weights would feel in the next update."""
        found = [(layer.weight, mask) for _, layer, mask in masked(self.net)]
        now = [(id(mask), mask._version) for _, mask in found]
        if now != self.seen:
            self.seen = now
            self.weights = [weight for weight, _ in found]
            self.factors = [mask.to(weight.dtype) for weight, mask in found]
            for weight, factor in zip(self.weights, self.factors, strict=True):
                for value in optimizer.state.get(weight, {}).values():
                    if isinstance(value, Tensor) and value.shape == weight.shape:
                        value.mul_(factor)
        pairs = [(w.grad, f) for w, f in zip(self.weights, self.factors, strict=True) if w.grad is not None]
        if pairs:
            gradients, factors = zip(*pairs, strict=True)
            torch._foreach_mul_(gradients, factors)  # pyright: ignore[reportPrivateImportUsage]  no public name
