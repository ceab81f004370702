"""Lottery tickets: train, remove the smallest fifth, go back to early weights, train again, until sparse enough.

Frankle & Carbin, "The Lottery Ticket Hypothesis", ICLR 2019, with rewinding to an early step (Frankle et al.,
"Linear Mode Connectivity", ICML 2020). Weights, schedule and data order all restart from there. Every round
costs a training.
"""

import math
from typing import Annotated

from pydantic import Field

from bench import Net, Pruning, Share, Train, hide


class Lottery(Pruning):
    """Iterative magnitude pruning with rewinding; its budget is that of all its rounds."""

    rewind: Share = 0.05
    """share of the budget at which the early weights are taken; 0 is the original lottery ticket"""
    each: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """share of the remaining weights that a round keeps"""

    def fit(self, net: Net, train: Train) -> None:
        train(net, share=self.rewind)
        early = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        train(net)
        rounds = (
            max(1, math.ceil(math.log(self.density) / math.log(self.each) - 1e-9)) if self.density < 1 else 0
        )
        for number in range(1, rounds + 1):
            masks = self.best(self.magnitudes(net, train.cut), max(self.density, self.each**number))
            net.load_state_dict(early, strict=False)
            for layer, mask in zip(self.sparse(net, train.cut).values(), masks, strict=True):
                hide(layer, mask)
            train.rewind(self.rewind)
            train(net)
