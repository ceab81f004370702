"""GraSP: before training, keep the connections that preserve the flow of gradients.

Wang et al., "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR 2020, equation 8: with g the
gradient and H the Hessian of the loss, S = -w * Hg; the weights with the highest S are removed.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench import Count, Net, Positive, Pruning, Train


class Grasp(Pruning):
    """Gradient signal preservation at initialisation: removes the highest -w * Hg."""

    samples: Count = 256
    """in the batch; the paper takes 10 to 25 of each class"""
    temperature: Positive = 200.0
    """that logits are divided by"""

    def prepare(self, net: Net, train: Train) -> None:
        twin = copy.deepcopy(net).train()
        for stage in twin.exits:
            twin.head(stage).register_forward_hook(self.cooled)
        weights = [layer.weight for layer in self.sparse(twin).values()]
        with sdpa_kernel(SDPBackend.MATH):  # no fused attention has a second derivative
            loss = train.loss(twin, *train.batch(self.samples))
            gradients = torch.autograd.grad(loss, weights, create_graph=True)
        product = torch.stack([(g.detach() * g).sum() for g in gradients]).sum()
        hessian_gradient = torch.autograd.grad(product, weights)
        kept = [(w * hg).detach() for w, hg in zip(weights, hessian_gradient, strict=True)]  # -S
        self.keep(net, kept)

    def cooled(self, head: nn.Module, taken: tuple[Tensor, ...], logits: Tensor) -> Tensor:
        """Logits over the temperature."""
        return logits / self.temperature
