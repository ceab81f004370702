"""Budgeted batch classification: a planned share of the samples leaves at each exit (MSDNet, Huang et al., ICLR 2018)."""

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

from bench import Policy, geometric_shares


class Budgeted(Policy):
    """Leave when the largest softmax probability is among the best still there: 39 plans of shares."""

    def score(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1).amax(-1)

    def thresholds(self, scores: Tensor, points: int) -> Tensor:
        """Shares q_k proportional to p^k for p = 39/20 down to 1/20, whatever number of points is wanted."""
        rows = [planned(scores, shares) for shares in geometric_shares(len(scores))]
        return torch.stack(rows).unique_consecutive(dim=0)


def planned(scores: Tensor, shares: Sequence[Fraction]) -> Tensor:
    """Thresholds at which floor(q_k N) of the samples still there leave at exit k, those of the largest scores.

    Samples of one score leave together. Where that has left fewer than floor(q_k N), nobody leaves at exit k;
    the published protocol does so.

    Args:
        scores: on the calibration split, (exits, N); NaN does not count.
        shares: of all samples, for each exit.

    Returns:
        (exits,); the last one is not used.
    """
    there = torch.ones(scores.shape[1], dtype=torch.bool)
    row = scores.new_full((len(scores),), torch.inf)
    for exit_, share in enumerate(shares[:-1]):
        count, remaining = math.floor(share * len(there)), scores[exit_, there & ~scores[exit_].isnan()]
        if 0 < count <= len(remaining):
            row[exit_] = remaining.topk(count).values[-1]
        there &= ~(scores[exit_] >= row[exit_])
    return row
