"""SNIP: before training, keep the connections whose removal would change the loss most.

Lee et al., "SNIP: Single-shot Network Pruning based on Connection Sensitivity", ICLR 2019, equation 4:
|g * w| on one batch, the largest over the whole network.
"""

import copy

import torch

from bench import Count, Net, Pruning, Train


class Snip(Pruning):
    """Connection sensitivity |gradient x weight| at initialisation, on one batch."""

    samples: Count = 128
    """in the batch"""

    def prepare(self, net: Net, train: Train) -> None:
        twin = copy.deepcopy(net).train()  # batch norm sees the batch, and the network keeps its statistics
        weights = [layer.weight for layer in self.sparse(twin, train.cut).values()]
        gradients = torch.autograd.grad(train.loss(twin, *train.batch(self.samples)), weights)
        scores = [
            (gradient * weight).detach().abs() for gradient, weight in zip(gradients, weights, strict=True)
        ]
        self.keep(net, scores, train.cut)
