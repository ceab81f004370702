"""Reinitialised weights under another method's masks: do the masks matter without the weights they came with?

The control of Frankle & Carbin, ICLR 2019 ("random reinitialization"), and of Frankle et al., ICLR 2021. A
weight's new values are its own in another order, so they keep the distribution of its rule of initialisation,
whatever that is.
"""

import torch

from bench import Density, Method, MethodSpec, Net, Train, choose, hide, layers, masks_of


class Reinit(Method):
    """Control: the masks of another method over weights drawn anew."""

    of: MethodSpec = "snip"
    """spec of the method whose masks are taken"""
    density: Density | None = None
    """instead of that method's own"""

    @property
    def sided(self) -> bool:
        return choose(Method, self.of).plugin.sided

    def fit(self, net: Net, train: Train) -> None:
        masks = masks_of(self.of, self.density, net, train)
        generator = torch.Generator().manual_seed(train.seed + 1_000_003)
        with torch.no_grad():
            for weight in net.parameters():
                if weight.dim() > 1:  # biases and normalisation start where they would
                    order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
                    weight.copy_(weight.flatten()[order].reshape(weight.shape))
        for name, mask in masks.items():
            hide(layers(net)[name], mask)
        train(net)
