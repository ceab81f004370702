"""Reinitialised weights under another method's masks: whether the masks matter without the weights they came with.

The control of Frankle & Carbin, ICLR 2019 ("random reinitialization"), and of Frankle et al., ICLR 2021.
"""

import torch

from baselines.methods.shuffled import masks_of
from bench import Density, Method, Net, Train, choose, hide, maskable


class Reinit(Method):
    """Control: the masks of another method over weights drawn anew."""

    of: str = "snip"
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
                if (
                    weight.dim() > 1
                ):  # each with the mean and deviation that its own rule of initialisation gave
                    drawn = torch.randn(weight.shape, generator=generator).to(weight)
                    weight.copy_(drawn * weight.std(correction=0) + weight.mean())
        for name, layer in maskable(net, heads=True).items():
            if name in masks:
                hide(layer, masks[name])
        train(net)
