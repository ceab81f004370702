"""Hashed: which weights exist is decided by a hash of their place (after Chen et al., HashedNets, ICML 2015)."""

import torch

from bench import Density, Method, Net, Train, hide, maskable


class Hashed(Method):
    """Keeps a weight when a hash of its place is small."""

    density: Density = 0.25
    """share of the weights that exist, about"""

    def prepare(self, net: Net, train: Train) -> None:
        for number, layer in enumerate(maskable(net).values()):
            place = torch.arange(layer.weight.numel()) + train.seed + 1000 * number
            share = (place * 2654435761 % 2**32).float() / 2**32
            hide(layer, (share < self.density).reshape(layer.weight.shape))
