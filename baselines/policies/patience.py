"""Leave when several exits in a row give the same answer (PABEE: Zhou et al., BERT Loses Patience, NeurIPS 2020)."""

from typing import ClassVar

import torch
from torch import Tensor

from bench import Policy


class Patience(Policy):
    """Leave when so many exits in a row have confirmed the answer; with patience 0 at the first exit."""

    formula: ClassVar[str | None] = "patience"

    def score(self, logits: Tensor) -> Tensor:
        answers, there = logits.argmax(-1), ~logits.isnan().any(-1)
        confirmed = torch.zeros(answers.shape)
        for exit_ in range(1, len(answers)):
            same = (answers[exit_] == answers[exit_ - 1]) & there[exit_] & there[exit_ - 1]
            confirmed[exit_] = (confirmed[exit_ - 1] + 1) * same
        return confirmed

    def thresholds(self, scores: Tensor, points: int) -> Tensor:
        """Never, then every patience that an early exit can satisfy, from the largest down to 0."""
        exits = len(scores)
        patience = torch.arange(exits - 2, -1, -1, dtype=scores.dtype)
        return torch.cat([torch.tensor([torch.inf]), patience])[:, None].expand(-1, exits).clone()
