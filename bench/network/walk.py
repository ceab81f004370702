"""Walks: from exit to exit, where samples that are ready leave and the others go on together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor


class Walk(NamedTuple):
    """What a walk did: which exit each sample took, (N,), and the logits it left with, (N, classes)."""

    exits: Tensor
    logits: Tensor


def walk(
    stretches: Sequence[Callable[[Tensor], Sequence[Tensor]]], x: Tensor, leave: Callable[[Tensor], Tensor]
) -> Walk:
    """Run from exit to exit, let samples leave, and go on with the others regrouped in one smaller batch.

    Args:
        stretches: each takes what the one before it gives first, and gives what goes on and, last, its exit's logits.
        x: inputs, (N, ...).
        leave: takes the logits so far of the samples still on their way, (exits so far, n, classes), and gives which of
            them leave here, boolean (n,). It is not asked at the last exit.

    Returns:
        Exits and logits in the order of the inputs.
    """
    if len(x) == 1:
        return _walk_alone(stretches, x, leave)
    where = torch.arange(len(x), device=x.device)
    exits = torch.full((len(x),), len(stretches) - 1, device=x.device)
    seen = logits = x.new_empty(0)
    for number, stretch in enumerate(stretches):
        x, *_, answer = stretch(x)
        answer = answer.float()
        if number == 0:
            logits, seen = answer.clone(), answer[None]
        else:
            logits[where] = answer
            seen = torch.cat([seen, answer[None]])
        if number == len(stretches) - 1:
            break
        gone = leave(seen)
        if gone.any():
            exits[where[gone]] = number
            stay = ~gone
            where, x, seen = where[stay], x[stay], seen[:, stay]
            if not len(where):
                break
    return Walk(exits, logits)


def _walk_alone(
    stretches: Sequence[Callable[[Tensor], Sequence[Tensor]]], x: Tensor, leave: Callable[[Tensor], Tensor]
) -> Walk:
    """The same for one sample, of which nothing has to be regrouped."""
    seen: list[Tensor] = []
    for stretch in stretches:
        x, *_, answer = stretch(x)
        seen.append(answer.float())
        if len(seen) == len(stretches) or leave(torch.stack(seen)):
            break
    return Walk(_alone(len(seen) - 1, x.device).clone(), seen[-1])


@cache
def _alone(exit_: int, device: torch.device) -> Tensor:
    """An exit in a tensor of one, int64 (1,): to make one from a number takes longer than to copy it."""
    return torch.tensor([exit_], device=device)
