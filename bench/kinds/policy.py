"""Policy: decides, without labels, where each sample leaves."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.plugins.plugin import Plugin

FORMULAS = ("confidence", "entropy", "margin")
"""The scores that are also there in C: the largest softmax probability, the sum of p log p, and the gap between the two
largest probabilities."""
NATIVE_FORMULAS = (*FORMULAS, "patience", "votes", "zero")
"""The scores that native code has: those, how many exits in a row have confirmed the answer, how many of the exits so far
give it, and 0 at every exit."""

State = dict[str, Tensor]
"""One operating point: plain tensors by name. Execution in another process needs it and the policy alone."""


class Policy(Plugin):
    """The contract: `score` gives the readiness of each sample to leave, `thresholds` the operating points.

    A sample leaves at the first exit whose score reaches that exit's threshold, at the last one in any case.
    Operating points come from the calibration split. Its labels are lent to `learn`, and to no other verb;
    those of the test split to none.
    """

    kind: ClassVar[str] = "policy"
    formula: ClassVar[str | None] = None
    """which of `NATIVE_FORMULAS` the score of an exit is, if any: such a policy, with thresholds, is decided in native code,
    and one of `FORMULAS` can be packed as C"""

    def score(self, logits: Tensor) -> Tensor:
        """Readiness to leave.

        Args:
            logits: (exits so far, N, classes). Execution has only the exits passed so far, so row e of the
                result may depend on rows 0..e alone, and in them on the sample's own column alone.

        Returns:
            (exits so far, N), larger is readier; (exits so far, N, numbers) for a policy that defines
            `leaves`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define score(logits)")

    def thresholds(self, scores: Tensor, points: int) -> Tensor:
        """Operating points from the scores on the calibration split, from never leaving early to always.

        Args:
            scores: (exits, N).
            points: how many are wanted; a policy with fewer distinct ones gives fewer.

        Returns:
            (points, exits). The default is one threshold for all exits, at quantiles of the scores.
        """
        return shared_quantiles(scores, points)

    def learn(self, logits: Tensor, labels: Tensor, costs: Tensor, points: int) -> list[State]:
        """Operating points from the calibration split; the default takes `thresholds`, and looks at no label.

        Args:
            logits: of the calibration split, (exits, N, classes).
            labels: of the calibration split, int64 (N,).
            costs: of leaving at each exit, (exits,): in MACs, or in another unit of the trace, such as
                seconds.
            points: how many are wanted, at most.

        Returns:
            A state for each, from never leaving early to always. Thresholds, if any, are named `thresholds`.
        """
        return [{"thresholds": row} for row in self.thresholds(self.score(logits), points)]

    def leaves(self, scores: Tensor, state: State) -> Tensor:
        """Where samples would leave at one operating point; the first exit counts, and the last one lets all leave.

        Args:
            scores: of `score`, at the exits so far. Row e of the result may depend on rows 0..e alone.
            state: of `learn`.

        Returns:
            Boolean (exits so far, N).
        """
        return scores >= state["thresholds"][: len(scores), None]


class Reference(Policy):
    """A bound for policies. It sees labels or a whole stream, as no policy may, so it is never ranked.

    It defines `choose` for single samples, `hindsight` for a stream of them, or both.
    """

    def choose(self, logits: Tensor, labels: Tensor, costs: Tensor) -> Tensor:
        """The exit of every sample, int64 (N,).

        Args:
            logits: (exits, N, classes).
            labels: int64 (N,).
            costs: of each exit, (exits,).
        """
        raise NotImplementedError(f"{type(self).__name__} must define choose(logits, labels, costs)")

    def hindsight(self, rewards: Tensor, costs: Tensor, right: Tensor) -> Tensor:
        """The arm of every sample of a stream (`bench.Online`), with the whole stream in view: int64 (N,).

        Args:
            rewards: of each arm and sample, float64 (arms, N).
            costs: booked, float64 (arms, N).
            right: whether the arm's answer would be right, boolean (arms, N).
        """
        raise NotImplementedError(f"{type(self).__name__} must define hindsight(rewards, costs, right)")


def decides_alone(policy: Policy) -> bool:
    """Whether a policy decides for each sample by itself: it has a `score`, or a reference's `choose`."""
    if isinstance(policy, Reference):
        return type(policy).choose is not Reference.choose
    return type(policy).score is not Policy.score


def shared_quantiles(scores: Tensor, points: int) -> Tensor:
    """One threshold for all exits, at equal steps through the sorted early scores but NaN: (points, exits)."""
    early = scores[:-1].flatten()
    early = early[~early.isnan()].sort().values
    if len(early) == 0:
        return torch.full((1, len(scores)), torch.inf)
    places = torch.linspace(len(early) - 1, 0, max(points - 1, 1)).round().long()
    values = torch.cat([torch.tensor([torch.inf], dtype=early.dtype), early[places]])
    return torch.unique_consecutive(values)[:, None].expand(-1, len(scores)).clone()


def geometric_shares(exits: int) -> list[list[Fraction]]:
    """Shares of samples for each exit, q_k proportional to p^k, for p = 39/20, 38/20, ..., 1/20.

    They are the 39 budgets of MSDNet (Huang et al., ICLR 2018), from the dearest; as fractions, so that a
    share of some samples is exactly a whole number where it should be.
    """
    powers = ([Fraction(step, 20) ** exit_ for exit_ in range(exits)] for step in range(39, 0, -1))
    return [[power / sum(row) for power in row] for row in powers]


def without_nan(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The samples without NaN in the logits of any exit, (exits, n, classes), and their labels, (n,).

    Raises:
        SeesawError: there is none.
    """
    whole = ~logits.isnan().any(-1).any(0)
    if not bool(whole.any()):
        raise SeesawError(
            "Every calibration sample has NaN among its logits, so no policy can learn from them. Check the network "
            "or the file that they come from."
        )
    return logits[:, whole], labels[whole]
