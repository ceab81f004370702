"""Decisions: where each sample leaves, of a whole trace at once or of the samples still on their way."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from bench.kinds.policy import Policy, State


def leave(ready: Tensor) -> Tensor:
    """The first exit that is ready, the last one where none is: from boolean (exits, N) to int64 (N,)."""
    exits = torch.full(ready.shape[1:], len(ready) - 1)
    for exit_ in range(len(ready) - 2, -1, -1):
        exits[ready[exit_]] = exit_
    return exits


def decide(policy: Policy, states: list[State], logits: Tensor) -> list[Tensor]:
    """Where each sample leaves, int64 (N,), for every state. An exit whose logits hold a NaN lets nobody leave."""
    scores, there = policy.score(logits.clone()), ~logits.isnan().any(-1)
    return [leave(policy.leaves(scores, state) & there) for state in states]


def leaves_now(policy: Policy, state: State) -> Callable[[Tensor], Tensor]:
    """The same decision for `Net.walk`, which knows only the exits so far."""

    def decision(seen: Tensor) -> Tensor:
        logits = seen.float().cpu()
        ready = policy.leaves(policy.score(logits), state)[-1] & ~logits[-1].isnan().any(-1)
        return ready.to(seen.device)

    if type(policy).leaves is not Policy.leaves:
        return decision
    bounds, yes, no = state["thresholds"].tolist(), torch.tensor([True]), torch.tensor([False])

    def decision_alone(seen: Tensor) -> Tensor:
        """Of one sample with numbers in place of tensors, whose every operation takes as long as a small layer."""
        if seen.shape[1] != 1 or not seen.is_cpu:
            return decision(seen)
        logits = seen.float()
        reached = policy.score(logits).tolist()[-1][0] >= bounds[len(logits) - 1]
        return yes if reached and not any(map(math.isnan, logits[-1].tolist()[0])) else no

    return decision_alone


def apart(verb: Callable[..., Any], *arguments: Any) -> Any:
    """What a policy's verb gives, called in a thread of its own: no caller, who holds test labels, is on its stack."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(verb, *arguments).result()
