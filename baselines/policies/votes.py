"""Leave when enough of the exits so far give this one's answer (after Sun et al., Ensemble Internal Classifiers, 2021).

Theirs counts the votes for the class that has most of them. A class gains votes only at exits that vote for
it, so the exit at which its count first reaches the threshold gives that answer itself, and the two rules are
the same.
"""

from typing import ClassVar

import torch
from torch import Tensor

from bench import Policy


class Votes(Policy):
    """Leave when so many of the exits so far, in a row or not, give this one's answer."""

    formula: ClassVar[str | None] = "votes"

    def score(self, logits: Tensor) -> Tensor:
        answers, there = logits.argmax(-1), ~logits.isnan().any(-1)
        agree = (answers[:, None] == answers) & there[:, None] & there
        return agree.movedim(2, 0).tril().sum(-1).T.float()

    def thresholds(self, scores: Tensor, points: int) -> Tensor:
        """Never, then every number of votes that an early exit can have, from the largest down to 1."""
        exits = len(scores)
        votes = torch.arange(exits - 1, 0, -1, dtype=scores.dtype)
        return torch.cat([torch.tensor([torch.inf]), votes])[:, None].expand(-1, exits).clone()
