"""Decisions: where each sample leaves, for a whole trace at once or for the samples still on their way."""

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
    """The exit of each sample, int64 (N,), for every state. No sample leaves early with NaN in its logits."""
    scores, valid = policy.score(logits.clone()), ~logits.isnan().any(-1)
    return [leave(policy.leaves(scores, state) & valid) for state in states]


YES, NO = torch.tensor([True]), torch.tensor([False])


class Decision:
    """A policy's decision at one operating point: which of the samples still on their way leave now.

    Attributes:
        policy: whose it is.
        state: the operating point.
    """

    def __init__(self, policy: Policy, state: State) -> None:
        self.policy, self.state = policy, state
        plain = type(policy).leaves is Policy.leaves
        self._bounds = state["thresholds"].tolist() if plain else None

    def __call__(self, logits: Tensor) -> Tensor:
        """From logits (exits so far, n, classes) to boolean (n,)."""
        if self._bounds is not None and logits.shape[1] == 1 and logits.is_cpu:
            return self._alone(logits.float(), self._bounds)
        values = logits.float().cpu()
        ready = self.policy.leaves(self.policy.score(values), self.state)[-1] & ~values[-1].isnan().any(-1)
        return ready.to(logits.device)

    def _alone(self, values: Tensor, bounds: list[float]) -> Tensor:
        """The decision for one sample, by numbers: an operation on tensors takes as long as a small layer."""
        reached = self.policy.score(values).tolist()[-1][0] >= bounds[len(values) - 1]
        return YES if reached and not any(map(math.isnan, values[-1].tolist()[0])) else NO


def leaves_now(policy: Policy, state: State) -> Decision:
    """The same decision for `Net.walk`, as a function of logits (exits so far, n, classes): boolean (n,)."""
    return Decision(policy, state)


def apart(verb: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a policy's verb in a thread of its own: no caller with test labels is on its stack."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(verb, *arguments).result()
