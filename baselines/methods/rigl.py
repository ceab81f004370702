"""RigL: every so often the smallest weights give way to those where the gradient is largest.

Evci et al., "Rigging the Lottery: Making All Tickets Winners", ICML 2020, algorithm 1, with ERK densities.
"""

import torch
from torch import Tensor

from baselines.methods.set import Set
from bench import Layer


class Rigl(Set):
    """Dynamic sparse training: drops the smallest weights, grows where the dense gradient is largest."""

    def wish(self, layer: Layer, seed: int) -> Tensor:
        gradient = layer.weight.grad
        return torch.zeros_like(layer.weight) if gradient is None else gradient.abs()
