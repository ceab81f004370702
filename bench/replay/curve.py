"""Curves: accuracy against mean MACs over the operating points of a policy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.policy import Policy, Reference
from bench.trace import Trace

POINTS = 40


@dataclass(frozen=True)
class Outcome:
    """What one operating point comes to on a trace.

    Attributes:
        thresholds: of each exit, (exits,); None for a reference.
        exits: where each sample left, int64 (N,).
        accuracy: share of samples answered rightly.
        cost: mean cost of a sample, in the trace's unit.
        shares: of the samples that left at each exit, (exits,).
    """

    thresholds: Tensor | None
    exits: Tensor
    accuracy: float
    cost: float
    shares: Tensor


def leave(scores: Tensor, thresholds: Tensor) -> Tensor:
    """The first exit whose score reaches its threshold; the last one in any case. NaN never reaches.

    Args:
        scores: (exits, N).
        thresholds: (exits,).

    Returns:
        int64 (N,).
    """
    ready = scores >= thresholds[:, None]
    ready[-1] = True
    return ready.byte().argmax(0)


def leaves_now(policy: Policy, thresholds: Tensor):
    """The same decision for `Net.walk`, which knows only the exits so far."""

    def decide(seen: Tensor) -> Tensor:
        scores = policy.score(seen.float().cpu())
        return (scores[-1] >= thresholds[len(seen) - 1]).to(seen.device)

    return decide


def outcome(trace: Trace, exits: Tensor, correct: Tensor, thresholds: Tensor | None) -> Outcome:
    """Accuracy, cost and shares when each sample leaves where `exits` says."""
    rows = torch.arange(len(exits))
    shares = torch.bincount(exits, minlength=len(trace.costs)).double() / len(exits)
    return Outcome(
        thresholds, exits, float(correct[exits, rows].double().mean()), float(shares @ trace.costs), shares
    )


def curve(policy: Policy, calibration: Trace, test: Trace, points: int = POINTS) -> list[Outcome]:
    """Set a policy's operating points on the calibration split and replay them on the test split.

    Args:
        policy: a policy, or a reference, which sees the test labels and has one point.
        calibration: trace that thresholds come from.
        test: trace that is replayed.
        points: how many operating points, at most.

    Returns:
        Outcomes in the order of the policy's thresholds, from never leaving early to always.
    """
    correct = test.correct()
    if isinstance(policy, Reference):
        exits = policy.choose(test.logits, test.labels, test.costs)
        return [outcome(test, exits, correct, None)]
    thresholds = policy.thresholds(policy.score(calibration.logits), points)
    scores = policy.score(test.logits)
    return [outcome(test, leave(scores, row), correct, row) for row in thresholds.to(scores.dtype)]
