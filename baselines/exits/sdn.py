"""Shallow-Deep Networks: internal classifiers whose losses count little at first and more as training goes on.

Kaya, Hong & Dumitras, ICML 2019: six heads with mixed pooling at 15, 30, ..., 90% of the MACs; the loss is
sum_i t_i CE_i + CE_last with t_i(e) = min(C_i, 0.01 + e C_i / E) at epoch e of E, and
C_i = 0.15, 0.30, ..., 0.90. Here e / E is the share of the schedule done, at every step.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from bench import Count, EarlyExits, HeadKind, HeadOf, Net, Positive, SeesawError, Share

START, DEEPEST = 0.01, 0.9


class Sdn(EarlyExits):
    """Shallow-Deep Networks: ramped losses, heads with mixed pooling at 15, 30, ..., 90% of the MACs."""

    exits: Count | None = None
    """instead: how many, each at about twice the MACs of the one before"""
    shares: tuple[Share, ...] = (0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
    """of the MACs, to hang early exits nearest to"""
    head: HeadKind | None = "mixed"
    """of early exits: own (the backbone's), pool, mixed, conv or norm"""
    weights: tuple[Positive, ...] = ()
    """each early exit's weight at the end, from the shallowest; even steps up to 0.9 where left out"""

    def hang(self, net: Net, shares: Sequence[float], head: HeadOf) -> None:
        super().hang(net, shares, head)
        if self.weights and len(self.weights) != len(net.exits) - 1:
            raise SeesawError(
                f"sdn[weights=...] has {len(self.weights)} weights for {len(net.exits) - 1} early exits. "
                "Give one for each, joined by ':'."
            )

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        *early, last = (F.cross_entropy(answer, labels) for answer in logits)
        ends = self.weights or [DEEPEST * (number + 1) / len(early) for number in range(len(early))]
        return sum(
            (min(end, START + progress * end) * loss for end, loss in zip(ends, early, strict=True)),
            start=last,
        )
