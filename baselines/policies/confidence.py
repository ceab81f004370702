"""Leave when the largest softmax probability is high enough (MSDNet, SDN and many others)."""

from typing import ClassVar

from torch import Tensor

from bench import Policy


class Confidence(Policy):
    """Leave when the largest softmax probability reaches a threshold."""

    formula: ClassVar[str | None] = "confidence"

    def score(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1).amax(-1)
