"""By lot: the reference for the worth of looking at logits, or of learning from them."""

from functools import cache
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench import Rule, Whole, geometric_shares, seeded_noise

SPREAD = 16.0
"""Of the weights: the sum goes round many times between two samples, and hardly moves when a kernel rounds otherwise."""


class Random(Rule):
    """Samples leave by lot, in the shares of `budgeted`, whatever the answers are; on a stream, any arm is played.

    Replay and execution must draw the same lot for a sample wherever it stands in its batch. So the lot is
    made of the sample's own numbers: the fractional part of a weighted sum of the first exit's logits.
    Samples of equal logits have equal lots.
    """

    seed: Whole = 0
    """of the weights"""

    def score(self, logits: Tensor) -> Tensor:
        lots = (logits[0].double() * _weights(self.seed, logits.shape[-1])).sum(-1).remainder(1)
        return lots.expand(len(logits), -1)

    def thresholds(self, scores: Tensor, points: int) -> Tensor:
        """Whoever's lot is above 1 - q_0 - ... - q_k leaves at exit k at the latest."""
        exits = len(scores)
        rows = [[float(1 - gone) for gone in accumulate(row)] for row in geometric_shares(exits)]
        return torch.tensor(rows, dtype=scores.dtype).unique_consecutive(dim=0)

    @staticmethod
    def index(arm: Any, own: Any, t: int, luck: float, rng: np.random.Generator) -> float:
        """A number drawn for each arm."""
        return rng.random()


@cache
def _weights(seed: int, classes: int) -> Tensor:
    return torch.from_numpy(seeded_noise(seed, 0, classes) - 0.5) * SPREAD
