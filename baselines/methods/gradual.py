"""Gradual magnitude pruning: the smallest weights go step by step, fast at first, slower towards the end.

Zhu & Gupta, "To prune, or not to prune", ICLR workshop 2018, equation 1: the sparsity is
s_f + (s_i - s_f)(1 - (t - t_0) / (n dt))^3 with s_i = 0. The recipe of Gale et al. 2019.
"""

from typing import Literal

from bench import Count, Density, Method, Net, Share, Step, Train, hide, largest, maskable


class Gradual(Method):
    """Magnitude pruning on a cubic schedule during training."""

    density: Density = 0.125
    """share of the weights that stay in the end"""
    start: Share = 0.1
    """share of the budget at which pruning begins"""
    stop: Share = 0.7
    """share of the budget at which the density is reached"""
    every: Count = 10
    """steps from one pruning to the next"""
    layers: Literal["global", "uniform"] = "global"
    """global: the smallest of the whole network; uniform: the smallest of each layer"""

    def fit(self, net: Net, train: Train) -> None:
        train(net, share=self.stop, after_step=self.after_step)
        self._prune(net, self.density)
        train(net)

    def after_step(self, step: Step) -> None:
        if step.progress >= self.start and step.index % self.every == 0:
            left = 1 - (step.progress - self.start) / max(self.stop - self.start, 1e-9)
            self._prune(step.net, 1 - (1 - self.density) * (1 - max(left, 0.0) ** 3))

    def _prune(self, net: Net, density: float) -> None:
        layers = list(maskable(net).values())
        scores = [layer.weight.detach().abs() for layer in layers]
        keep = (
            largest(scores, density)
            if self.layers == "global"
            else [largest([score], density)[0] for score in scores]
        )
        for layer, mask in zip(layers, keep, strict=True):
            hide(layer, mask)
