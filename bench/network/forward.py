"""The forward pass through stages and the heads on the way, in its one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from bench.network.linked import logits_of


class Forward(NamedTuple):
    """The result of a pass through some stages.

    Attributes:
        feature: of the last stage.
        exit_logits: of every exit on the way, each (N, classes).
        head_logits: the own logits of every head before and on the way, which later heads read.
    """

    feature: Tensor
    exit_logits: list[Tensor]
    head_logits: list[Tensor]


def forward(
    stages: Iterable[tuple[str, nn.Module]],
    heads: Mapping[str, nn.Module] | nn.ModuleDict,
    x: Tensor,
    earlier: Sequence[Tensor] = (),
    on_feature: Callable[[Tensor], object] | None = None,
) -> Forward:
    """Run stages one after the other, and the head on each that carries one.

    Args:
        stages: with their numbers as words.
        heads: by the number of the stage.
        x: input of the first stage, (N, ...).
        earlier: the own logits of the heads before the first stage, each (N, classes).
        on_feature: called with the feature of every stage, so that features need not all be kept.
    """
    exit_logits, head_logits = [], list(earlier)
    for number, stage in stages:
        x = stage(x)
        if on_feature is not None:
            on_feature(x)
        if number in heads:
            answer, own = logits_of(heads[number], x, head_logits)
            exit_logits.append(answer)
            head_logits.append(own)
    return Forward(x, exit_logits, head_logits)
