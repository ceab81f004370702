"""Curves: accuracy against mean cost over the operating points of a policy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.kinds.policy import Policy, Reference, State
from bench.replay.exits.decide import apart, decide
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
