"""Frozen backbone: first the network with its last exit, then the early heads alone on what it learnt.

The two stages of DeeBERT (Xin et al., ACL 2020) and the "IC-only" training of Shallow-Deep Networks (Kaya et
al., ICML 2019). The early exits cost the backbone no accuracy, and it does nothing for them.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from bench import Budget, Count, Exits, HeadOf, Method, Net, Share, places


class Frozen(Exits):
    """Backbone and last exit first, then the early heads alone."""

    exits: Count = 3
    """how many, each at about twice the MACs of the one before: 1/4, 1/2, all"""
    backbone: Share = 0.75
    """share of the budget for the backbone; the heads get the rest"""

    def hang(self, net: Net, shares: Sequence[float], head: HeadOf) -> None:
        for stage in places(shares, self.exits):
            net.hang(stage, head(stage))

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        return F.cross_entropy(logits[-1], labels)

    def fit(self, net: Net, train: Budget, method: Method) -> None:
        early = [p for stage in net.exits[:-1] for p in net.head(stage).parameters()]
        heads = {id(p) for p in early}
        rest = [p for p in net.parameters() if id(p) not in heads]
        method.fit(net, train.portion(self.backbone, parameters=rest))
        if early:
            train.portion(1 - self.backbone, loss=_early_loss, parameters=early)(net)


def _early_loss(logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
    first, *others = (F.cross_entropy(answer, labels) for answer in logits[:-1])
    return sum(others, start=first)
