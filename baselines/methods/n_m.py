"""N:M sparsity: of every M neighbouring inputs N weights exist, the largest, chosen anew at every step.

Zhou et al., "Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch", ICLR 2021 (SR-STE):
the forward pass sees masked weights, the gradient goes straight through to all of them, and hidden ones decay
by an extra term.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from bench import Count, Layer, Net, SeesawError, StraightThrough


class NM(StraightThrough):
    """N of every M weights along the input, learnt with SR-STE; NVIDIA's sparse tensor cores execute 2:4."""

    n: Count = 2
    """weights that exist"""
    m: Count = 4
    """neighbours along the input; layers whose inputs it does not divide stay dense"""
    decay: Annotated[float, Field(ge=0)] = 2e-4
    """extra decay of hidden weights"""

    def sparse(self, net: Net, cut: int | None = None) -> dict[str, Layer]:
        if self.n >= self.m:
            raise SeesawError(f"n-m[n={self.n},m={self.m}] hides no weight. Choose an n below m.")
        sparse = super().sparse(net, cut)
        grouped = {name: layer for name, layer in sparse.items() if layer.weight.shape[1] % self.m == 0}
        if not grouped:
            raise SeesawError(f"No layer's inputs fall into groups of {self.m}. Choose another m.")
        return grouped

    def adjust(self, layer: Layer, dense: Tensor, visible: Tensor, gradient: Tensor) -> None:
        gradient.add_(dense * ~visible, alpha=self.decay)

    def visible(self, layer: Layer, dense: Tensor, progress: float) -> Tensor:
        groups = dense.abs().movedim(1, -1)
        groups = groups.reshape(*groups.shape[:-1], -1, self.m)
        best = groups.topk(self.n, dim=-1).indices
        mask = torch.zeros(groups.shape, dtype=torch.bool, device=dense.device).scatter_(-1, best, True)
        return mask.reshape(dense.movedim(1, -1).shape).movedim(-1, 1)
