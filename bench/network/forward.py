"""The forward pass through stages and the heads on the way, in its one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from bench.network.linked import logits_of


class Forward(NamedTuple):
    """What a pass through some stages gives.

    Attributes:
        feature: of the last stage.
        answers: the logits of every exit on the way, each (N, classes).
        logits: the own logits of every head before and on the way, which later heads read.
    """

    feature: Tensor
    answers: list[Tensor]
    logits: list[Tensor]


def forward(
    stages: Iterable[tuple[str, nn.Module]],
    heads: Mapping[str, nn.Module] | nn.ModuleDict,
    x: Tensor,
    earlier: Sequence[Tensor] = (),
    seen: Callable[[Tensor], object] | None = None,
) -> Forward:
    """Run stages one after the other, and the head on each that carries one.

    Args:
        stages: with their numbers as words.
        heads: by the number of the stage.
        x: what the first stage takes, (N, ...).
        earlier: the own logits of the heads before the first stage, each (N, classes).
        seen: called with the feature of every stage; a feature that nobody keeps is let go.
    """
    answers, logits = [], list(earlier)
    for number, stage in stages:
        x = stage(x)
        if seen is not None:
            seen(x)
        if number in heads:
            answer, own = logits_of(heads[number], x, logits)
            answers.append(answer)
            logits.append(own)
    return Forward(x, answers, logits)
