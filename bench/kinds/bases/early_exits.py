"""EarlyExits: the places of early exits, and the kinds of their heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from bench.kinds.exits import Exits, HeadOf
from bench.network.heads import HeadKind, head_of
from bench.network.net import Net
from bench.plugins.plugin import Share, Whole, usual


class EarlyExits(Exits):
    """A plan with early exits: settings for the places and the kinds of their heads."""

    exits: Annotated[int, Field(ge=1, le=1000)] | None = 3
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
        if len(self._placements()) > 1:
            raise ValueError(f"{' and '.join(self._placements())} each say where exits hang; keep one")
        return self

    def _placements(self) -> list[str]:
        """The names of those settings of where exits hang that differ from their defaults."""
        fields = type(self).model_fields
        ways = ("at", "shares", "everywhere", "exits")
        return [way for way in ways if getattr(self, way) != fields[way].default]

    def stages(self, shares: Sequence[float]) -> list[int]:
        """The stages that carry an exit, the last one among them.

        Args:
            shares: the share of the MACs done after each stage.
        """
        way = next(iter(self._placements()), "shares" if self.shares else "exits")
        last = len(shares) - 1
        if way == "at":
            return sorted({*self.at, last})
        if way == "everywhere":
            return list(range(last + 1))
        return stages_near(shares, self.shares) if way == "shares" else exit_stages(shares, self.exits or 1)

    def hang(self, net: Net, shares: Sequence[float], head: HeadOf) -> None:
        """Hang early heads of the kind `head`, and the backbone's own on the last stage."""
        kind, last = self.head or "own", len(net.stages) - 1
        for stage in self.stages(shares):
            if kind == "own" or stage == last:
                net.hang(stage, head(stage))
            else:
                net.hang(stage, head_of(kind, net.shape(stage), net.classes))


def early_head_parameters(net: Net) -> tuple[list[str], list[str]]:
    """The names of the early heads' parameters, and of all others."""
    heads = tuple(f"heads.{stage}." for stage in net.exits[:-1])
    names = [name for name, _ in net.named_parameters()]
    return [n for n in names if n.startswith(heads)], [n for n in names if not n.startswith(heads)]


def exit_stages(shares: Sequence[float], count: int) -> list[int]:
    """Stages for `count` exits, each costing about twice the one before: for three, 1/4, 1/2 and all.

    Args:
        shares: the share of the MACs done after each stage.
        count: how many exits; a backbone with fewer stages gets as many as it has stages.

    Returns:
        Stages from the shallowest; the last stage is always among them.
    """
    early = min(count, len(shares)) - 1
    return stages_near(shares, [0.5 ** (early - number) for number in range(early)])


def stages_near(shares: Sequence[float], targets: Sequence[float]) -> list[int]:
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
