"""Zero Time Waste: no early logits are thrown away; later heads read them, and exits answer with an ensemble.

Wolczyk et al., NeurIPS 2021. The backbone and its last exit are trained first and then stand still. Cascade:
every early head also takes the logits of the head before, normalised, without a gradient. Ensembles: early
exit m then answers with softmax(log b_m + sum_j w_mj log p_j) over the early heads j up to m, where b > 0 and
w > 0 are trained last, on heads that stand still; w are the exponentials of free numbers over m, as in the
authors' code. The last exit answers alone. log p and the logits differ by one number for a sample, which a
softmax does not see.
"""

from collections.abc import Sequence
from typing import Self

import torch
import torch.nn.functional as F
from pydantic import model_validator
from torch import Tensor, nn

from bench import EarlyExits, HeadOf, LentBudget, Linked, Method, Net, Share, early_head_parameters


class Ztw(EarlyExits):
    """Zero Time Waste: heads on a frozen backbone read earlier heads' logits, and exits are ensembles."""

    backbone: Share = 0.75
    """share of the budget for the backbone and its last exit"""
    ensembles: Share = 0.05
    """share for the weights of the ensembles, at the end; the heads get the share between"""

    @model_validator(mode="after")
    def _within_the_budget(self) -> Self:
        if self.backbone + self.ensembles > 1:
            raise ValueError(
                f"backbone={self.backbone:g} and ensembles={self.ensembles:g} are more than 1 together"
            )
        return self

    def hang(self, net: Net, shares: Sequence[float], head: HeadOf) -> None:
        super().hang(net, shares, head)
        for number, stage in enumerate(net.exits[:-1]):
            net.hang(stage, Cascaded(net.head(stage), number, net.classes))

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        return F.cross_entropy(logits[-1], labels)

    def fit(self, net: Net, train: LentBudget, method: Method) -> None:
        early, rest = early_head_parameters(net)
        heads = [head for head in net.heads.values() if isinstance(head, Cascaded)]
        weights = [f"heads.{stage}.{own}" for stage in net.exits[:-1] for own in ("weights", "bias")]
        method.fit(net, train.portion(self.backbone, parameters=rest))
        if not early:
            return
        for head in heads:
            head.alone = True
        cascade = [name for name in early if name not in weights]
        share = 1 - self.backbone - self.ensembles
        train.portion(share, loss=_early_loss, parameters=cascade)(net)
        for head in heads:
            head.alone = False
        train.portion(self.ensembles, loss=_early_loss, parameters=weights)(net)


class Cascaded(Linked):
    """An early head that reads the logits of the head before; its exit is an ensemble of all heads so far.

    Args:
        head: (N, ...) to (N, classes), ending in a linear layer: to add a linear map of the logits before is
            then the same as to give that layer both as its input.
        number: how many early heads there are before.
        classes: how many logits it gives.
    """

    def __init__(self, head: nn.Module, number: int, classes: int) -> None:
        super().__init__()
        self.head = head
        if number:
            self.norm, self.previous = nn.LayerNorm(classes), nn.Linear(classes, classes, bias=False)
        self.weights = nn.Parameter(torch.zeros(number + 1))
        """logarithms of m w_mj"""
        self.bias = nn.Parameter(torch.zeros(classes))
        """log b_m"""
        self.alone = False
        """whether its exit has its own logits alone, while heads are trained"""

    def forward(self, x: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        own = self.head(x)
        return own + self.previous(self.norm(earlier[-1].detach())) if earlier else own

    def answer(self, own: Tensor, earlier: Sequence[Tensor]) -> Tensor:
        if self.alone:
            return own
        weighted = zip(self.weights.exp() / len(self.weights), [*earlier, own], strict=True)
        return sum((weight * logits for weight, logits in weighted), start=self.bias)


def _early_loss(logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
    first, *others = (F.cross_entropy(answer, labels) for answer in logits[:-1])
    return sum(others, start=first)
