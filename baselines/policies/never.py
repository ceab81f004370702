"""No sample leaves early: the whole network, with the cost of the heads on its way."""

from typing import ClassVar

import torch
from torch import Tensor

from bench import Policy


class Never(Policy):
    """Every sample goes to the last exit."""

    formula: ClassVar[str | None] = "zero"

    def score(self, logits: Tensor) -> Tensor:
        return torch.zeros(logits.shape[:2])

    def thresholds(self, scores: Tensor, points: int) -> Tensor:
        return torch.full((1, len(scores)), torch.inf)
