"""Curves: accuracy against mean cost over the operating points of a policy."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.kinds.policy import Policy, Reference, State
from bench.replay.trace import Trace

POINTS = 40


@dataclass(frozen=True)
class Outcome:
    """What one operating point comes to on a trace.

    Attributes:
        exits: where each sample left, int64 (N,).
        right: how many samples were answered rightly.
        left: how many samples left at each exit, int64 (exits,).
        costs: of leaving at each exit, float64 (exits,), in the trace's unit.
    """

    exits: Tensor
    right: int
    left: Tensor
    costs: Tensor

    @property
    def accuracy(self) -> float:
        """Share of samples answered rightly."""
        return self.right / len(self.exits)

    @property
    def shares(self) -> Tensor:
        """Of the samples that left at each exit, float64 (exits,)."""
        return self.left.double() / len(self.exits)

    @property
    def cost(self) -> float:
        """Mean cost of a sample, in the trace's unit."""
        return float(self.shares @ self.costs.double())


@dataclass(frozen=True)
class OperatingPoint:
    """One setting of a policy: what it came to where it was set, and where it is judged.

    Attributes:
        state: what execution needs beside the policy; None for a reference.
        calibration: on the split that it was set on, for choosing among points; None for a reference.
        test: on the split that counts.
    """

    state: State | None
    calibration: Outcome | None
    test: Outcome

    @property
    def thresholds(self) -> Tensor | None:
        """Of each exit, (exits,), where they are the whole state."""
        return self.state["thresholds"] if self.state and self.state.keys() == {"thresholds"} else None


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


def outcome(trace: Trace, exits: Tensor, correct: Tensor) -> Outcome:
    """What it comes to when each sample leaves where `exits` says.

    Args:
        trace: the samples.
        exits: int64 (N,).
        correct: whether each exit is right about each sample, boolean (exits, N).
    """
    left = torch.bincount(exits, minlength=len(trace.costs))
    return Outcome(exits, int(correct[exits, torch.arange(len(exits))].sum()), left, trace.costs)


def curve(policy: Policy, calibration: Trace, test: Trace, points: int = POINTS) -> list[OperatingPoint]:
    """Set a policy's operating points on the calibration split and replay them on the test split.

    Args:
        policy: a policy, or a reference, which sees the test labels and has one point.
        calibration: trace that operating points come from.
        test: trace that is replayed; of it a policy sees the logits alone.
        points: how many operating points, at most.

    Returns:
        Points in the policy's order, from never leaving early to always.
    """
    right = test.correct()
    if isinstance(policy, Reference):
        exits = policy.choose(*_lent(test))
        return [OperatingPoint(None, None, outcome(test, exits, right))]
    states = apart(policy.learn, *_lent(calibration), points)
    right_here = calibration.correct()
    here, there = (apart(decide, policy, states, trace.logits) for trace in (calibration, test))
    return [
        OperatingPoint(state, outcome(calibration, one, right_here), outcome(test, other, right))
        for state, one, other in zip(states, here, there, strict=True)
    ]


def _lent(trace: Trace) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, labels and costs to write into at will: what comes after is computed from the trace's own."""
    return trace.logits.clone(), trace.labels.clone(), trace.costs.clone()


def apart(verb: Callable[..., Any], *arguments: Any) -> Any:
    """What a policy's verb gives, called in a thread of its own: no caller, who holds test labels, is on its stack."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(verb, *arguments).result()
