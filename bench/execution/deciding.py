"""Deciding: which samples leave at an exit, in native code where a policy's score is a formula.

Native code decides a sample where its score is further from the threshold than rounding could move it, and asks the policy
itself for the others: so every decision is the policy's own, those at a threshold too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from bench.execution import native
from bench.execution.chain.chain import Chain
from bench.kinds.policy import NATIVE_FORMULAS, Policy, State
from bench.network.walk import Walk

Leave = Callable[[Tensor], Tensor]

ASKED = len(NATIVE_FORMULAS)
"""The number, among formulas, of a policy that is always asked."""


class Decider:
    """A policy's decision at one operating point, for logits on the CPU.

    Args:
        leave: the decision in Python (`bench.leaves_now`).
        policy: whose it is; None for a function that is nobody's.
        state: the operating point.
    """

    def __init__(self, leave: Leave, policy: Policy | None = None, state: State | None = None) -> None:
        self.leave = leave
        self.formula = None if policy is None or state is None else formula_of(policy, state)
        self._native = None
        if (kernels := native.classes()) is not None:
            bounds = [] if self.formula is None or state is None else state["thresholds"].double().tolist()
            number = ASKED if self.formula is None else NATIVE_FORMULAS.index(self.formula)
            self._native = kernels.Decider(number, bounds)

    def __call__(self, logits: Tensor) -> Tensor:
        """Which samples leave, boolean (n,), by logits (exits so far, n, classes)."""
        if self._native is None or self.formula is None or not logits.is_cpu:
            return self.leave(logits)
        return self._native.decide(logits, self.leave)


def formula_of(policy: Policy, state: State) -> str | None:
    """The formula by which native code decides for a policy; None where it has none, or does not keep to it.

    A class that inherits a formula may have a score of its own, so both are held against each other.
    """
    name = policy.formula
    kernels = native.classes()
    if kernels is None or name not in NATIVE_FORMULAS or type(policy).leaves is not Policy.leaves:
        return None
    if state.keys() != {"thresholds"} or state["thresholds"].dim() != 1:
        return None
    drawn = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4, 64, 10, generator=drawn)
    scores = policy.score(logits.clone())
    if scores.shape != logits.shape[:2]:
        return None
    for exits in range(1, 5):
        own, off = kernels.Decider(NATIVE_FORMULAS.index(name), []).scores(logits[:exits])
        if not bool(((own - scores[exits - 1]).abs() <= off).all()):
            return None
    return name


class NativeWalk:
    """A network from exit to exit in one native call a batch, where every stretch is a chain.

    Args:
        runs: by size of batch, the chains from exit to exit; a batch takes those of the largest size of at most twice its own.
    """

    def __init__(self, runs: Mapping[int, Sequence[Chain]]) -> None:
        kernels = native.classes()
        assert kernels is not None  # there are chains
        self._native = kernels.Walk(
            sorted(runs),
            [
                [
                    kernels.Stretch(c.code.steps, c.code.index, c.code.values, c.code.counts)
                    for c in runs[size]
                ]
                for size in sorted(runs)
            ],
        )

    def __call__(self, x: Tensor, decider: Decider) -> tuple[Walk, float]:
        """The walk of a batch, float32 on the CPU, and the seconds within stretches."""
        exits, logits, seconds = self._native.run(x, decider._native, decider.leave)
        return Walk(exits, logits), seconds
