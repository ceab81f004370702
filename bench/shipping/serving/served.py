"""Served: the server's part of a cut in its fastest ways, and what a batch of messages is answered with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.execution.fast import Fast, fast
from bench.kinds.frame import Frame
from bench.kinds.sending import joined
from bench.shipping.serving.batches import Batches
from bench.shipping.serving.cuts import ShippedCut


@dataclass(frozen=True)
class Ways:
    """A part in its fastest ways, for one sample and for several."""

    one: Fast
    several: Fast

    @classmethod
    def of(cls, cut: ShippedCut, largest: int) -> Ways:
        """Measured on zeros, as wide as what crosses."""
        x = torch.zeros(1, *cut.crossing.joined)
        one = fast(cut.part, x)
        return cls(
            one, one if largest == 1 else fast(cut.part, x.expand(min(largest, 8), *x.shape[1:]).contiguous())
        )

    @property
    def seconds(self) -> float:
        """Of one sample."""
        return self.one.seconds[self.one.way.name]

    def __call__(self, x: Tensor) -> list[Tensor]:
        """The outputs of the part."""
        return (self.one if len(x) == 1 else self.several)(x)


@dataclass(frozen=True)
class ServedCut:
    """A cut in service."""

    cut: ShippedCut
    ways: Ways
    batches: Batches[list[Frame], np.ndarray]


def compute(
    cut: ShippedCut, ways: Callable[[Tensor], list[Tensor]]
) -> Callable[[Sequence[list[Frame]]], list[Any]]:
    """What a batch of messages is answered with: the last exit's logits, float32 (classes,), or a sentence for a damaged one."""

    def answers(messages: Sequence[list[Frame]]) -> list[np.ndarray | SeesawError]:
        if torch.is_grad_enabled():  # else a context takes as long as a small part
            with torch.no_grad():
                return answers(messages)
        x, faults = _arrived(cut, messages)
        logits = iter(() if x is None else ways(cut.received(x))[0].to("cpu", torch.float32).numpy())
        return [next(logits) if fault is None else fault for fault in faults]

    return answers


def _arrived(
    cut: ShippedCut, messages: Sequence[list[Frame]]
) -> tuple[Tensor | None, list[SeesawError | None]]:
    """What crossed the cut by those messages that are whole, if any, and a sentence for each of the others."""
    try:
        return joined(cut.crossing, messages, cut.codec), [None] * len(messages)
    except SeesawError as error:
        if len(messages) == 1:
            return None, [error]
    each = [_arrived(cut, [one]) for one in messages]
    whole = [x for x, _ in each if x is not None]
    return torch.cat(whole) if whole else None, [fault for _, (fault,) in each]
