"""Leave when the answer is far ahead of the next one (the margin of Scheffer et al., IDA 2001, as a rule to exit)."""

from typing import ClassVar

from torch import Tensor

from bench import Policy


class Margin(Policy):
    """Leave when the two largest softmax probabilities lie far enough apart."""

    formula: ClassVar[str | None] = "margin"

    def score(self, logits: Tensor) -> Tensor:
        first, second = logits.softmax(-1).topk(2).values.unbind(-1)
        return first - second
