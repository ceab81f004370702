"""Shuffled masks: another method's densities by layer, its masks shuffled within each layer.

The sanity check of Frankle et al., "Pruning Neural Networks at Initialization: Why Are We Missing the Mark?",
ICLR 2021: where a method does no better than its own shuffled mask, it chooses densities and not weights.
"""

import torch

from bench import Density, Method, MethodSpec, Net, Train, choose, hide, layers, masks_of


class Shuffled(Method):
    """Control: the masks of another method, shuffled within each layer."""

    of: MethodSpec = "snip"
    """spec of the method whose densities by layer are taken"""
    density: Density | None = None
    """instead of that method's own"""

    @property
    def sided(self) -> bool:
        return choose(Method, self.of).plugin.sided

    def fit(self, net: Net, train: Train) -> None:
        masks = masks_of(self.of, self.density, net, train)
        generator = torch.Generator().manual_seed(train.seed)
        for name, mask in masks.items():
            order = torch.randperm(mask.numel(), generator=generator).to(mask.device)
            hide(layers(net)[name], mask.flatten()[order].reshape(mask.shape))
        train(net)
