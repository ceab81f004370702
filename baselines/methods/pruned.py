"""Magnitude pruning: train, drop the smallest weights of the whole network at once, fine-tune.

Janowsky 1989; Han et al., NeurIPS 2015. The schedule goes on where it stood, so the budget stays the dense one's.
"""

from bench import Density, Method, Net, Train, hide, largest, maskable


class Pruned(Method):
    """Global magnitude pruning in one shot, then fine-tuning within the same budget."""

    density: Density = 0.125
    """share of the weights that stay, over all sparse layers together"""
    at: Density = 0.5
    """share of the budget trained before pruning"""
    heads: bool = False
    """whether classifiers are pruned too"""

    def fit(self, net: Net, train: Train) -> None:
        train(net, share=self.at)
        layers = list(maskable(net, heads=self.heads).values())
        keep = largest([layer.weight.detach().abs() for layer in layers], self.density)
        for layer, mask in zip(layers, keep, strict=True):
            hide(layer, mask)
        train(net)
