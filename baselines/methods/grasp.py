"""GraSP: before training, keep the connections that preserve the flow of gradients.

Wang et al., "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR 2020, equation 8: with g the
gradient and H the Hessian of the loss, S = -w * Hg; the weights with the highest S are removed.
"""

import copy

import torch
from torch import Tensor, nn

from bench import Count, Density, Method, Net, Positive, Train, hide, largest, maskable


class Grasp(Method):
    """Gradient signal preservation at initialisation: removes the highest -w * Hg."""

    density: Density = 0.125
    """share of the weights that stay, over all sparse layers together"""
    samples: Count = 256
    """in the batch; the paper takes 10 to 25 of each class"""
    temperature: Positive = 200.0
    """that logits are divided by"""

    def prepare(self, net: Net, train: Train) -> None:
        twin = copy.deepcopy(net).train()
        for stage in twin.exits:
            twin.head(stage).register_forward_hook(self.cooled)
        weights = [layer.weight for layer in maskable(twin).values()]
        loss = train.loss(twin, *train.batch(self.samples))
        gradients = torch.autograd.grad(loss, weights, create_graph=True)
        product = torch.stack([(g.detach() * g).sum() for g in gradients]).sum()
        hessian_gradient = torch.autograd.grad(product, weights)
        kept = [(w * hg).detach() for w, hg in zip(weights, hessian_gradient, strict=True)]  # -S
        for layer, mask in zip(maskable(net).values(), largest(kept, self.density), strict=True):
            hide(layer, mask)

    def cooled(self, head: nn.Module, taken: tuple[Tensor, ...], logits: Tensor) -> Tensor:
        """Logits over the temperature."""
        return logits / self.temperature
