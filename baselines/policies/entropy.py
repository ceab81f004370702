"""Leave when the answer's entropy is low enough (BranchyNet, Teerapittayanon et al., ICPR 2016)."""

from typing import ClassVar

from torch import Tensor

from bench import Policy


class Entropy(Policy):
    """Leave when the entropy -sum p log p falls to a threshold (given as its negative)."""

    formula: ClassVar[str | None] = "entropy"

    def score(self, logits: Tensor) -> Tensor:
        log = logits.log_softmax(-1)
        return (log.exp() * log).sum(-1)
