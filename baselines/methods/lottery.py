"""Lottery tickets: train, remove the smallest fifth, go back to early weights, train again, until sparse enough.

Frankle & Carbin, "The Lottery Ticket Hypothesis", ICLR 2019, with rewinding to an early step (Frankle et al., "Linear
Mode Connectivity", ICML 2020). Weights, schedule and data order all restart from there. Every round costs a training.
"""

import math

from bench import Density, Method, Net, Share, Train, hide, largest, maskable


class Lottery(Method):
    """Iterative magnitude pruning with rewinding; its budget is that of all its rounds."""

    density: Density = 0.125
    """share of the weights that stay, over all sparse layers together"""
    rewind: Share = 0.05
    """share of the budget at which the early weights are taken; 0 is the original lottery ticket"""
    keep: Density = 0.8
    """share of the remaining weights that a round keeps"""

    def fit(self, net: Net, train: Train) -> None:
        train(net, share=self.rewind)
        early = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        train(net)
        rounds = (
            max(1, math.ceil(math.log(self.density) / math.log(self.keep) - 1e-9)) if self.density < 1 else 0
        )
        for number in range(1, rounds + 1):
            layers = maskable(net)
            scores = [layer.weight.detach().abs() for layer in layers.values()]
            masks = largest(scores, max(self.density, self.keep**number))
            net.load_state_dict(early, strict=False)
            for layer, mask in zip(layers.values(), masks, strict=True):
                hide(layer, mask)
            train.rewind(self.rewind)
            train(net)
