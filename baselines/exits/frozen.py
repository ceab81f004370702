"""Frozen backbone: first the network with its last exit, then the early heads alone on its features.

The two stages of DeeBERT (Xin et al., ACL 2020) and the "IC-only" training of Shallow-Deep Networks (Kaya et
al., ICML 2019). The early exits cost the backbone no accuracy, and it is not trained for them.
"""

import torch.nn.functional as F
from torch import Tensor

from bench import EarlyExits, LentBudget, Method, Net, Share, early_head_parameters


class Frozen(EarlyExits):
    """Backbone and last exit first, then the early heads alone."""

    backbone: Share = 0.75
    """share of the budget for the backbone; the heads get the rest"""

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        return F.cross_entropy(logits[-1], labels)

    def fit(self, net: Net, train: LentBudget, method: Method) -> None:
        early, rest = early_head_parameters(net)
        method.fit(net, train.portion(self.backbone, parameters=rest))
        if early:
            train.portion(1 - self.backbone, loss=_early_loss, parameters=early)(net)


def _early_loss(logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
    first, *others = (F.cross_entropy(answer, labels) for answer in logits[:-1])
    return sum(others, start=first)
