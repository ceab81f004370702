"""Samples leave by lot: the reference that says what looking at the answers is worth."""

from itertools import accumulate

import torch
from torch import Tensor

from bench import Policy, Whole, geometric_shares, noise

SPREAD = 16.0
"""Of the weights: the sum goes round many times between two samples, and hardly moves when a kernel rounds otherwise."""


class Random(Policy):
    """Leave by lot, in the shares of `budgeted`, whatever the answers are.

    Replay and execution must draw the same lot for a sample wherever it stands in its batch. So the lot is made of
    the sample's own numbers: the fractional part of a weighted sum of the first exit's logits. Samples of equal
    logits have equal lots.
    """

    seed: Whole = 0
    """of the weights"""

    def score(self, logits: Tensor) -> Tensor:
        weights = torch.from_numpy(noise(self.seed, 0, logits.shape[-1]) - 0.5) * SPREAD
        return (logits[0].double() * weights).sum(-1).remainder(1).expand(len(logits), -1)

    def thresholds(self, scores: Tensor, points: int) -> Tensor:
        """Whoever's lot is above 1 - q_0 - ... - q_k leaves at exit k at the latest."""
        exits = len(scores)
        rows = [[float(1 - gone) for gone in accumulate(row)] for row in geometric_shares(exits)]
        return torch.tensor(rows, dtype=scores.dtype).unique_consecutive(dim=0)
