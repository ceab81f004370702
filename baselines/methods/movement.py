"""Movement pruning: keep the weights that training moves away from zero.

Sanh et al., "Movement Pruning: Adaptive Sparsity by Fine-Tuning", NeurIPS 2020, section 3: the forward pass
sees the weights with the highest scores S of each layer; visible weights get their gradient, and scores go
straight through, S <- S - dL/dW * W, hidden weights included. The density falls on the cubic schedule of Zhu
& Gupta. Meant for fine-tuning a trained network (`--weights`).
"""

import torch
from torch import Tensor

from bench import Density, Layer, Share, StraightThrough, largest

SCORE = "weight_score"


class Movement(StraightThrough):
    """Keeps the weights that gradients have moved away from zero, a share of each layer."""

    density: Density = 0.125
    """share of each layer's weights that stay"""
    start: Share = 0.1
    """share of the budget at which pruning begins"""
    stop: Share = 0.7
    """share of the budget at which the density is reached"""

    def begin(self, layer: Layer) -> None:
        layer.register_buffer(SCORE, torch.zeros_like(layer.weight))

    def finish(self, layer: Layer) -> None:
        delattr(layer, SCORE)

    def adjust(self, layer: Layer, dense: Tensor, visible: Tensor, gradient: Tensor) -> None:
        layer.get_buffer(SCORE).sub_(gradient * dense)
        gradient.mul_(visible)

    def visible(self, layer: Layer, dense: Tensor, progress: float) -> Tensor:
        left = 1 - (progress - self.start) / max(self.stop - self.start, 1e-9)
        kept = 1 - (1 - self.density) * (1 - min(max(left, 0.0), 1.0) ** 3)
        return largest([layer.get_buffer(SCORE)], kept)[0]
