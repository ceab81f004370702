"""Policy: decides, without labels, where each sample leaves."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bench.plugin import Plugin


class Policy(Plugin):
    """The contract: `score` says how ready each sample is to leave, `thresholds` the operating points.

    A sample leaves at the first exit whose score reaches that exit's threshold, at the last one in any case.
    Thresholds come from the calibration split. No label is ever handed to a policy.
    """

    kind: ClassVar[str] = "policy"

    def score(self, logits: Tensor) -> Tensor:
        """Readiness to leave.

        Args:
            logits: (exits so far, N, classes). During execution only the exits passed so far are there, so row
                e of the answer may depend on rows 0..e alone.

        Returns:
            (exits so far, N), larger is readier.
        """
        raise NotImplementedError(f"{type(self).__name__} must define score(logits)")

    def thresholds(self, scores: Tensor, points: int) -> Tensor:
        """Operating points from the scores on the calibration split, from never leaving early to always.

        Args:
            scores: (exits, N).
            points: how many are wanted; a policy with fewer distinct ones gives fewer.

        Returns:
            (points, exits). The default is one threshold for all exits, at quantiles of the scores.
        """
        return shared_quantiles(scores, points)


class Reference(Policy):
    """A bound that a policy can be held against. It sees labels, so it is shown as a bound and never ranked."""

    def choose(self, logits: Tensor, labels: Tensor, costs: Tensor) -> Tensor:
        """The exit of every sample, int64 (N,).

        Args:
            logits: (exits, N, classes).
            labels: int64 (N,).
            costs: of each exit, (exits,).
        """
        raise NotImplementedError(f"{type(self).__name__} must define choose(logits, labels, costs)")


def shared_quantiles(scores: Tensor, points: int) -> Tensor:
    """One threshold for all exits, at equal steps through the sorted early scores: (points, exits)."""
    early = scores[:-1].flatten().sort().values
    if len(early) == 0:
        return torch.full((1, len(scores)), torch.inf)
    places = torch.linspace(len(early) - 1, 0, max(points - 1, 1)).round().long()
    values = torch.cat([torch.tensor([torch.inf], dtype=early.dtype), early[places]])
    return torch.unique_consecutive(values)[:, None].expand(-1, len(scores)).clone()
