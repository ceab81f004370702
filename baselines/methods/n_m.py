"""N:M sparsity: of every M neighbouring inputs N weights exist, the largest, chosen anew at every step.

Zhou et al., "Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch", ICLR 2021 (SR-STE): the forward
pass sees masked weights, the gradient goes straight through to all of them, and hidden ones decay by an extra term.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from bench import Count, Layer, Method, Net, Step, Train, hide, maskable


class NM(Method):
    """N of every M weights along the input, learnt with SR-STE; 2:4 is what NVIDIA's sparse tensor cores execute."""

    n: Count = 2
    """weights that exist"""
    m: Count = 4
    """of so many neighbours along the input; layers whose inputs it does not divide stay dense"""
    decay: Annotated[float, Field(ge=0)] = 2e-4
    """extra decay of hidden weights"""

    def fit(self, net: Net, train: Train) -> None:
        layers = self.layers(net)
        for layer in layers:
            layer.register_buffer(DENSE, layer.weight.detach().clone())
            self.show(layer)
        train(net, before_step=self.before_step, after_step=self.after_step)
        for layer in layers:
            delattr(layer, DENSE)
            hide(layer, self.largest(layer.weight.detach()))

    def layers(self, net: Net) -> list[Layer]:
        """The layers whose inputs come in groups of M."""
        return [layer for layer in maskable(net).values() if layer.weight.shape[1] % self.m == 0]

    def before_step(self, step: Step) -> None:
        """The update is of the dense weights, with the gradient that the masked ones had."""
        for layer in self.layers(step.net):
            dense = layer.get_buffer(DENSE)
            if layer.weight.grad is not None:
                layer.weight.grad.add_(dense * ~self.largest(dense), alpha=self.decay)
            layer.weight.data.copy_(dense)

    def after_step(self, step: Step) -> None:
        """Keep the updated dense weights, and show the forward pass the masked ones."""
        for layer in self.layers(step.net):
            layer.get_buffer(DENSE).copy_(layer.weight.detach())
            self.show(layer)

    def show(self, layer: Layer) -> None:
        """Let the forward pass see the N largest of every M."""
        with torch.no_grad():
            layer.weight.mul_(self.largest(layer.get_buffer(DENSE)))

    def largest(self, weight: Tensor) -> Tensor:
        """The N largest of every M neighbours along the input, boolean, of the weight's shape."""
        groups = weight.abs().movedim(1, -1)
        groups = groups.reshape(*groups.shape[:-1], -1, self.m)
        best = groups.topk(min(self.n, self.m), dim=-1).indices
        mask = torch.zeros(groups.shape, dtype=torch.bool, device=weight.device).scatter_(-1, best, True)
        return mask.reshape(weight.movedim(1, -1).shape).movedim(-1, 1)


DENSE = "weight_dense"
"""Buffer of the weights behind the masked ones, while training."""
