"""Exits: the places of heads, their kinds and their training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Protocol

from torch import Tensor, nn

from bench.kinds.method import Method, Train
from bench.network.net import Net
from bench.plugins.plugin import Plugin

Loss = Callable[[list[Tensor], Tensor, float], Tensor]
"""From the logits of every exit, the labels and the progress, as `Exits.loss`, to a scalar."""
HeadOf = Callable[[int], nn.Module]
"""From a stage to the backbone's own head for it."""


class LentBudget(Train, Protocol):
    """The budget lent to a plan: training, and portions of it that the plan may lend to a method."""

    def portion(
        self, share: float, *, loss: Loss | None = None, parameters: Iterable[str] | None = None
    ) -> Train:
        """A share of the budget with a schedule of its own, perhaps another loss, perhaps fewer parameters.

        Parameters are given by their names in the net, so that a method may also train a copy of it. Modules
        none of whose parameters train keep their running statistics too.
        """
        ...


class Exits(Plugin):
    """The contract: `hang` chooses places and heads, `loss` weighs the exits, `fit` orders the training."""

    kind: ClassVar[str] = "exits"

    def hang(self, net: Net, shares: Sequence[float], head: HeadOf) -> None:
        """Hang heads with `net.hang(stage, head(stage))`, or others that take tensors of `net.shapes[stage]`.

        Args:
            net: without heads; the last stage must get one.
            shares: the share of the backbone's MACs done after each stage; the last is 1.
            head: makes the backbone's own head for a stage.
        """
        last = len(net.stages) - 1
        net.hang(last, head(last))

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        """The training loss.

        Args:
            logits: of every exit, each (N, classes).
            labels: int64 (N,); or shares of the classes, float (N, classes), where the recipe smooths or mixes them, as
                `F.cross_entropy` takes either.
            progress: share of the schedule done, from 0 to 1.

        Returns:
            A scalar.
        """
        raise NotImplementedError(f"{type(self).__name__} must define loss(logits, labels, progress)")

    def fit(self, net: Net, train: LentBudget, method: Method) -> None:
        """Train backbone and heads; the default gives the whole budget to the method, heads included."""
        method.fit(net, train)
