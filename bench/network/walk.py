"""Walks: a batch goes from exit to exit; samples that are ready leave, and the others go on together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor


class Walk(NamedTuple):
    """The result of a walk: the exit that each sample took, (N,), and its logits there, (N, classes)."""

    exits: Tensor
    logits: Tensor


def walk(
    stretches: Sequence[Callable[[Tensor], Sequence[Tensor]]], x: Tensor, leave: Callable[[Tensor], Tensor]
) -> Walk:
    """Run from exit to exit, let samples leave, and go on with the others regrouped in one smaller batch.

    Args:
        stretches: each takes the first output of the one before it, and gives the tensor that goes on and,
            last, its exit's logits.
        x: inputs, (N, ...).
        leave: takes the logits so far of the samples still on their way, (exits so far, n, classes), and
            gives which of them leave here, boolean (n,). Not called at the last exit.

    Returns:
        Exits and logits in the order of the inputs.
    """
    if len(x) == 1:
        return _walk_alone(stretches, x, leave)
    where = torch.arange(len(x), device=x.device)
    exits = torch.full((len(x),), len(stretches) - 1, device=x.device)
    history = logits = x.new_empty(0)
    for number, stretch in enumerate(stretches):
        x, *_, answer = stretch(x)
        answer = answer.float()
        if number == 0:
            logits, history = answer.clone(), answer[None]
        else:
            logits[where] = answer
            history = torch.cat([history, answer[None]])
        if number == len(stretches) - 1:
            break
        gone = leave(history)
        if gone.any():
            exits[where[gone]] = number
            stay = ~gone
            where, x, history = where[stay], x[stay], history[:, stay]
            if not len(where):
                break
    return Walk(exits, logits)


def _walk_alone(
    stretches: Sequence[Callable[[Tensor], Sequence[Tensor]]], x: Tensor, leave: Callable[[Tensor], Tensor]
) -> Walk:
    """`walk` for one sample, where nothing has to be regrouped."""
    history: list[Tensor] = []
    for stretch in stretches:
        x, *_, answer = stretch(x)
        history.append(answer.float())
        if len(history) == len(stretches) or leave(torch.stack(history)):
            break
    return Walk(_alone(len(history) - 1, x.device).clone(), history[-1])


@cache
def _alone(exit_: int, device: torch.device) -> Tensor:
    """An exit in a tensor of one, int64 (1,): to make one from a number takes longer than to copy it."""
    return torch.tensor([exit_], device=device)
