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
        exits: where each sample left, int64 (N,).
        accuracy: share of samples answered rightly.
        cost: mean cost of a sample, in the trace's unit.
        shares: of the samples that left at each exit, (exits,).
    """

    exits: Tensor
    accuracy: float
    cost: float
    shares: Tensor


@dataclass(frozen=True)
class OperatingPoint:
    """One setting of a policy: what it came to where it was set, and where it is judged.

    Attributes:
        thresholds: of each exit, (exits,); None for a reference.
        calibration: on the split that thresholds come from, for choosing among points; None for a reference.
        test: on the split that counts.
    """

    thresholds: Tensor | None
    calibration: Outcome | None
    test: Outcome


def leave(scores: Tensor, thresholds: Tensor) -> Tensor:
    """The first exit whose score reaches its threshold; the last one in any case. NaN never reaches.

    Args:
        scores: (exits, N).
        thresholds: (exits,).

    Returns:
        int64 (N,).
    """
    exits = torch.full(scores.shape[1:], len(scores) - 1)
    for exit_ in range(len(scores) - 2, -1, -1):
        exits[scores[exit_] >= thresholds[exit_]] = exit_
    return exits


def leaves_now(policy: Policy, thresholds: Tensor):
    """The same decision for `Net.walk`, which knows only the exits so far."""

    def decide(seen: Tensor) -> Tensor:
        scores = policy.score(seen.float().cpu())
        return (scores[-1] >= thresholds[len(seen) - 1]).to(seen.device)

    return decide


def outcome(trace: Trace, exits: Tensor, correct: Tensor) -> Outcome:
    """Accuracy, cost and shares when each sample leaves where `exits` says.

    Args:
        trace: the samples.
        exits: int64 (N,).
        correct: whether each exit is right about each sample, boolean (exits, N).
    """
    rows = torch.arange(len(exits))
    shares = torch.bincount(exits, minlength=len(trace.costs)).double() / len(exits)
    return Outcome(exits, float(correct[exits, rows].double().mean()), float(shares @ trace.costs), shares)


def curve(policy: Policy, calibration: Trace, test: Trace, points: int = POINTS) -> list[OperatingPoint]:
    """Set a policy's operating points on the calibration split and replay them on the test split.

    Args:
        policy: a policy, or a reference, which sees the test labels and has one point.
        calibration: trace that thresholds come from.
        test: trace that is replayed.
        points: how many operating points, at most.

    Returns:
        Points in the order of the policy's thresholds, from never leaving early to always.
    """
    right = test.correct()
    if isinstance(policy, Reference):
        exits = policy.choose(test.logits, test.labels, test.costs)
        return [OperatingPoint(None, None, outcome(test, exits, right))]
    here, there, right_here = (
        policy.score(calibration.logits),
        policy.score(test.logits),
        calibration.correct(),
    )
    return [
        OperatingPoint(
            row,
            outcome(calibration, leave(here, row), right_here),
            outcome(test, leave(there, row), right),
        )
        for row in policy.thresholds(here, points).to(there.dtype)
    ]
