"""Magnitude pruning: train, drop the smallest weights of the whole network at once, fine-tune.

Janowsky 1989; Han et al., NeurIPS 2015. The schedule goes on where it stood, so the budget stays the dense
one's.
"""

from bench import Density, Layer, Net, Pruning, Train, maskable


class Pruned(Pruning):
    """Magnitude pruning in one shot, then fine-tuning within the same budget."""

    at: Density = 0.5
    """share of the budget trained before pruning"""
    heads: bool = False
    """whether classifiers are pruned too"""

    def sparse(self, net: Net, cut: int | None = None) -> dict[str, Layer]:
        return maskable(net, heads=self.heads, where=self.where, cut=cut)

    def fit(self, net: Net, train: Train) -> None:
        train(net, share=self.at)
        self.keep(net, self.magnitudes(net, train.cut), train.cut)
        train(net)
