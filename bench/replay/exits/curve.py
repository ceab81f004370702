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
    """The decisions of one operating point on a trace, and their counts.

    Attributes:
        exits: the exit of each sample, int64 (N,).
        right: the number of samples answered rightly.
        left: the number of samples that left at each exit, int64 (exits,).
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
        """Share of the samples that left at each exit, float64 (exits,)."""
        return self.left.double() / len(self.exits)

    @property
    def cost(self) -> float:
        """Mean cost of a sample, in the trace's unit."""
        return float(self.shares @ self.costs.double())


@dataclass(frozen=True)
class OperatingPoint:
    """One setting of a policy, with its outcomes on two splits.

    Attributes:
        state: the tensors that execution needs beside the policy; None for a reference.
        calibration: the outcome on the calibration split, for choosing among points; None for a reference.
        test: the outcome on the test split, by which the policy is judged.
    """

    state: State | None
    calibration: Outcome | None
    test: Outcome

    @property
    def thresholds(self) -> Tensor | None:
        """The threshold of each exit, (exits,); None where the state holds anything else."""
        return self.state["thresholds"] if self.state and self.state.keys() == {"thresholds"} else None


def outcome(trace: Trace, exits: Tensor, correct: Tensor) -> Outcome:
    """The outcome if each sample leaves at its exit in `exits`.

    Args:
        trace: the samples.
        exits: the exit of each sample, int64 (N,).
        correct: whether each exit is right about each sample, boolean (exits, N).
    """
    left = torch.bincount(exits, minlength=len(trace.costs))
    return Outcome(exits, int(correct[exits, torch.arange(len(exits))].sum()), left, trace.costs)


def curve(policy: Policy, calibration: Trace, test: Trace, points: int = POINTS) -> list[OperatingPoint]:
    """Set a policy's operating points on the calibration split and replay them on the test split.

    Args:
        policy: a policy, or a reference, which sees the test labels and has one point.
        calibration: the trace from which operating points are learnt; not read for a reference.
        test: the trace that is replayed; a policy sees nothing of it but the logits.
        points: how many operating points, at most.

    Returns:
        Points in the policy's order, from never leaving early to always.
    """
    right = test.correct
    if isinstance(policy, Reference):
        exits = policy.choose(*_copies(test))
        return [OperatingPoint(None, None, outcome(test, exits, right))]
    states = apart(policy.learn, *_copies(calibration), points)
    calibration_right = calibration.correct
    calibration_exits, test_exits = (
        apart(decide, policy, states, trace.logits) for trace in (calibration, test)
    )
    return [
        OperatingPoint(state, outcome(calibration, before, calibration_right), outcome(test, after, right))
        for state, before, after in zip(states, calibration_exits, test_exits, strict=True)
    ]


def _copies(trace: Trace) -> tuple[Tensor, Tensor, Tensor]:
    """Copies of logits, labels and costs for a policy: if it writes into them, the trace stays as it is."""
    return trace.logits.clone(), trace.labels.clone(), trace.costs.clone()
