"""GraSP: before training, keep the connections that preserve the flow of gradients.

Wang et al., "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR 2020, equation 8:
with g the gradient and H the Hessian of the loss, S = -w * Hg; the weights with the highest S are removed. As
in the authors' code, g is the gradient of all linear and convolutional weights, those of dense layers too.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench import Count, Net, Positive, Pruning, Train, layers

CHUNK = 256
"""Samples at once: the second derivative keeps every activation in memory."""


class Grasp(Pruning):
    """Gradient signal preservation at initialisation: removes the highest -w * Hg."""

    samples: Count = 10
    """for each class, drawn from all; the paper takes 10, or 25 where classes are few"""
    temperature: Positive = 200.0
    """that logits are divided by"""

    def prepare(self, net: Net, train: Train) -> None:
        twin = copy.deepcopy(net).train()
        for stage in twin.exits:
            twin.head(stage).register_forward_hook(self.cooled)
        scored = [layer.weight for layer in self.sparse(twin, train.cut).values()]
        weights = [layer.weight for layer in layers(twin).values()]
        inputs, labels = train.batch(self.samples * net.classes)
        chunks = list(zip(inputs.split(CHUNK), labels.split(CHUNK), strict=True))

        def gradients(x: Tensor, y: Tensor, graph: bool) -> tuple[Tensor, ...]:
            loss = train.loss(twin, x, y) * (len(y) / len(labels))
            return torch.autograd.grad(loss, weights, create_graph=graph, materialize_grads=True)

        scores = [torch.zeros_like(weight) for weight in scored]  # -S
        with sdpa_kernel(SDPBackend.MATH):  # no fused attention has a second derivative
            parts = [gradients(x, y, graph=False) for x, y in chunks]
            whole = [torch.stack(part).sum(0) for part in zip(*parts, strict=True)]
            for x, y in chunks:
                part = gradients(x, y, graph=True)
                product = torch.stack([(g * own).sum() for g, own in zip(whole, part, strict=True)]).sum()
                for score, weight, hg in zip(
                    scores, scored, torch.autograd.grad(product, scored), strict=True
                ):
                    score += (weight * hg).detach()
        self.keep(net, scores, train.cut)

    def cooled(self, head: nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> Tensor:
        """A hook on a head: its logits over the temperature."""
        return logits / self.temperature
