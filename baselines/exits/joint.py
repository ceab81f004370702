"""Joint training: the weighted sum of every exit's cross-entropy (BranchyNet, Teerapittayanon et al., ICPR 2016)."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from bench import Count, Exits, HeadOf, Net, Positive, SeesawError, Whole, places


class Joint(Exits):
    """All exits at once: the weighted sum of their cross-entropies."""

    exits: Count = 3
    """how many, each at about twice the MACs of the one before: 1/4, 1/2, all"""
    at: tuple[Whole, ...] = ()
    """stages to hang early exits on, from 0, instead of `exits`"""
    weights: tuple[Positive, ...] = ()
    """of each exit's loss, from the shallowest; all 1 where left out"""

    def hang(self, net: Net, shares: Sequence[float], head: HeadOf) -> None:
        last = len(net.stages) - 1
        stages = sorted({*self.at, last}) if self.at else places(shares, self.exits)
        if self.weights and len(self.weights) != len(stages):
            raise SeesawError(
                f"joint[weights=...] has {len(self.weights)} weights for {len(stages)} exits. "
                "Give one for each, joined by ':'."
            )
        for stage in stages:
            net.hang(stage, head(stage))

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        weights = self.weights or (1.0,) * len(logits)
        return sum(
            (
                weight * F.cross_entropy(answer, labels)
                for weight, answer in zip(weights, logits, strict=True)
            ),
            start=labels.new_zeros((), dtype=logits[0].dtype),
        )
