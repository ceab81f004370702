"""Gradient equilibrium: the gradients of many exits are rescaled, lest they swamp the early stages.

Li et al., "Improved Techniques for Training Adaptive Deep Networks", ICCV 2019: at exit i of K, counted
from 1, the gradient from the head is multiplied by 1 / (K - i + 1) and that from the stages behind by
(K - i) / (K - i + 1). So every stage is trained by the mean loss of the exits at and behind it, and not by
their sum; heads keep their own gradient whole. Optimisers that divide gradients by their size, as AdamW does,
undo that: train with --set optimizer=sgd.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bench import EarlyExits, LentBudget, Method, Net


class Equilibrium(EarlyExits):
    """All exits at once; gradients are rescaled where exits branch off (under AdamW this changes little)."""

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        last, *early = (F.cross_entropy(answer, labels) for answer in reversed(logits))
        return sum(early, start=last)

    def fit(self, net: Net, train: LentBudget, method: Method) -> None:
        with rescaled(net):
            method.fit(net, train)


@contextmanager
def rescaled(net: Net) -> Iterator[None]:
    """Within it, the gradients of a network are rescaled at its exits; its logits stay the same."""
    hooks = []
    for number, stage in enumerate(net.exits[:-1]):
        left = len(net.exits) - number
        hooks.append(net.head(stage).register_forward_pre_hook(_rescale(1 / left)))
        hooks.append(net.stages[stage + 1].register_forward_pre_hook(_rescale((left - 1) / left)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _rescale(share: float) -> Callable[[Any, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """A hook that multiplies the gradient of a module's input by a share."""

    def hook(module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        x, *others = inputs
        return Rescaled.apply(x, share), *others

    return hook


class Rescaled(torch.autograd.Function):
    """The same tensor, with a gradient that is multiplied by a number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None
