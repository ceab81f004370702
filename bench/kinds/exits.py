"""Exits: where heads hang, what they look like and how they are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, ClassVar, Protocol, Self

from pydantic import model_validator
from torch import Tensor, nn

from bench.kinds.method import Method, Train
from bench.network.heads import HeadKind, head_of
from bench.network.net import Net
from bench.plugins.plugin import Count, Plugin, Share, Whole, usual

Loss = Callable[[list[Tensor], Tensor, float], Tensor]
HeadOf = Callable[[int], nn.Module]


class Budget(Train, Protocol):
    """What a plan is lent: training, and the means to lend a method less than all of it."""

    def portion(
        self, share: float, *, loss: Loss | None = None, parameters: Iterable[str] | None = None
    ) -> Train:
        """A share of the budget with a schedule of its own, perhaps another loss, perhaps fewer parameters.

        Parameters are told by their names in the net, so that a method may also train a copy of it. Modules none of
        whose parameters train keep their running statistics too.
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
            labels: int64 (N,).
            progress: share of the schedule done, from 0 to 1.

        Returns:
            A scalar.
        """
        raise NotImplementedError(f"{type(self).__name__} must define loss(logits, labels, progress)")

    def fit(self, net: Net, train: Budget, method: Method) -> None:
        """Train backbone and heads; the default gives the whole budget to the method, heads included."""
        method.fit(net, train)


class EarlyExits(Exits):
    """A plan with early exits: settings that say where they hang and what their heads are."""

    exits: Count | None = 3
    """how many, each at about twice the MACs of the one before: 1/4, 1/2, all"""
    at: tuple[Whole, ...] = ()
    """instead: stages to hang early exits on, from 0"""
    shares: tuple[Share, ...] = ()
    """instead: shares of the MACs to hang early exits nearest to"""
    everywhere: bool = False
    """instead: an exit on every stage"""
    head: Annotated[HeadKind | None, usual("own")] = None
    """of early exits: own (the backbone's), pool, mixed, conv or norm"""

    @model_validator(mode="after")
    def _placed_once(self) -> Self:
        if len(self._said()) > 1:
            raise ValueError(f"{' and '.join(self._said())} each say where exits hang; keep one")
        return self

    def _said(self) -> list[str]:
        """The settings that say where exits hang, and otherwise than by default."""
        fields = type(self).model_fields
        ways = ("at", "shares", "everywhere", "exits")
        return [way for way in ways if getattr(self, way) != fields[way].default]

    def stages(self, shares: Sequence[float]) -> list[int]:
        """The stages that carry an exit, the last one among them.

        Args:
            shares: the share of the MACs done after each stage.
        """
        way = next(iter(self._said()), "shares" if self.shares else "exits")
        last = len(shares) - 1
        if way == "at":
            return sorted({*self.at, last})
        if way == "everywhere":
            return list(range(last + 1))
        return nearest(shares, self.shares) if way == "shares" else places(shares, self.exits or 1)

    def hang(self, net: Net, shares: Sequence[float], head: HeadOf) -> None:
        """Hang early heads of the asked kind, and the backbone's own on the last stage."""
        kind, last = self.head or "own", len(net.stages) - 1
        for stage in self.stages(shares):
            if kind == "own" or stage == last:
                net.hang(stage, head(stage))
            else:
                net.hang(stage, head_of(kind, net.shape(stage), net.classes))


def parted(net: Net) -> tuple[list[str], list[str]]:
    """The names of the early heads' parameters, and of all others."""
    heads = tuple(f"heads.{stage}." for stage in net.exits[:-1])
    names = [name for name, _ in net.named_parameters()]
    return [n for n in names if n.startswith(heads)], [n for n in names if not n.startswith(heads)]


def places(shares: Sequence[float], count: int) -> list[int]:
    """Stages for `count` exits, each costing about twice the one before: for three, 1/4, 1/2 and all.

    Args:
        shares: the share of the MACs done after each stage.
        count: how many exits; a backbone with fewer stages gets as many as it has stages.

    Returns:
        Stages from the shallowest; the last stage is always among them.
    """
    early = min(count, len(shares)) - 1
    return nearest(shares, [0.5 ** (early - number) for number in range(early)])


def nearest(shares: Sequence[float], targets: Sequence[float]) -> list[int]:
    """Stages whose shares of the MACs come nearest to the targets, no stage twice, and the last stage.

    Args:
        shares: the share of the MACs done after each stage.
        targets: shares; where there are more than early stages, every stage is taken.

    Returns:
        Stages from the shallowest.
    """
    last = len(shares) - 1
    count = min(len(targets), last)
    chosen: list[int] = []
    for number, target in enumerate(sorted(targets)[:count]):
        first = chosen[-1] + 1 if chosen else 0
        free = range(first, last - (count - 1 - number))
        chosen.append(min(free, key=lambda stage: abs(shares[stage] - target)))
    return [*chosen, last]
