"""Every sample leaves at the same exit: the reference for the worth of deciding sample by sample."""

from typing import ClassVar

import torch
from torch import Tensor

from bench import Policy


class Fixed(Policy):
    """Every sample leaves at one exit; one operating point for each."""

    formula: ClassVar[str | None] = "zero"

    def score(self, logits: Tensor) -> Tensor:
        return torch.zeros(logits.shape[:2])

    def thresholds(self, scores: Tensor, points: int) -> Tensor:
        exits = len(scores)
        never = torch.full((exits, exits), torch.inf)
        return never.fill_diagonal_(0.0).flip(0)
