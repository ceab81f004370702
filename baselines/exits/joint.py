"""Joint training: the weighted sum of every exit's cross-entropy (BranchyNet, Teerapittayanon et al., ICPR 2016).

BranchyNet trains the network alone before its branches join: its LeNet has `weights=1:0.3` and, with 50 of
150 epochs, `alone=0.33`. A method then does its work in that share, and the weights that it hid stay hidden
while all exits train.
"""

from collections.abc import Sequence
from typing import Annotated

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bench import EarlyExits, HeadOf, LentBudget, Method, Net, Positive, SeesawError, early_head_parameters


class Joint(EarlyExits):
    """All exits at once: the weighted sum of their cross-entropies."""

    weights: tuple[Positive, ...] = ()
    """of each exit's loss, from the shallowest; all 1 where left out"""
    alone: Annotated[float, Field(gt=0, lt=1)] | None = None
    """share of the budget in which the network is trained first, with its last exit alone; none trains all at once"""

    def hang(self, net: Net, shares: Sequence[float], head: HeadOf) -> None:
        super().hang(net, shares, head)
        if self.weights and len(self.weights) != len(net.exits):
            raise SeesawError(
                f"joint[weights=...] has {len(self.weights)} weights for {len(net.exits)} exits. "
                "Give one for each, joined by ':'."
            )

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        weights = self.weights or (1.0,) * len(logits)
        return sum(
            (
                weight * F.cross_entropy(answer, labels)
                for weight, answer in zip(weights, logits, strict=True)
            ),
            start=labels.new_zeros((), dtype=logits[0].dtype),
        )

    def fit(self, net: Net, train: LentBudget, method: Method) -> None:
        if self.alone is None:
            return super().fit(net, train, method)
        _, network = early_head_parameters(net)
        method.fit(net, train.portion(self.alone, loss=_last, parameters=network))
        train.portion(1 - self.alone)(net)


def _last(logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
    return F.cross_entropy(logits[-1], labels)
