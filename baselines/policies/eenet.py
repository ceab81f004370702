"""A scheduler learned for a budget: scores of exits, and an assignment of samples to them (EENet: Ilhan et al., WACV 2024).

From an exit's probabilities, their largest, 1 - entropy / log(classes), and the scores of the exits before,
exit k gets two numbers: a score q_k, linear and squashed, of how likely it is right; and by a small network
an r_k, where the softmax of r over the exits assigns the sample. Of three losses the first trains q alone and
the others r: binary cross-entropy of q_k against being right, each exit's samples weighted by their
assignment; a times the divergence of the assignment from q^beta, normalised over the exits; and b |expected
cost - budget| / budget. In execution a sample leaves where q_k reaches a threshold, set so that as many leave
as were assigned.

It differs from the published code, which does not run: q is squashed instead of clipped, so that it has a
slope everywhere; r is not squashed before its softmax, which would forbid most budgets; the numbers are
standardised; q and r, which share no weight, step together; and shares that would exceed the budget are mixed
with the cheapest exit's until they keep to it.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from bench import Count, Policy, Positive, State, Whole, without_nan


class Eenet(Policy):
    """Leave where a learned score reaches a budget's threshold: even steps from the dearest exit down."""

    budgets: Count = 12
    """how many"""
    steps: Count = 150
    """of Adam"""
    rate: Positive = 0.05
    """of learning"""
    batch: Count = 256
    """samples a step"""
    hidden: Count = 8
    """units of each exit's assignment"""
    beta: Positive = 1.0
    """power of the scores that the assignment follows"""
    follow: Positive = 1e-3
    """weight of following the scores, a"""
    keep: Positive = 1e-2
    """weight of keeping to the budget, b"""
    seed: Whole = 0
    """of first weights and batches"""

    def score(self, logits: Tensor) -> Tensor:
        """Probabilities, the largest, and 1 - entropy / log(classes): (exits, N, classes + 2)."""
        chances = logits.softmax(-1)
        sure = 1 - torch.special.entr(chances).sum(-1, keepdim=True) / math.log(chances.shape[-1])
        return torch.cat([chances, chances.amax(-1, keepdim=True), sure], -1)

    def learn(self, logits: Tensor, labels: Tensor, costs: Tensor, points: int) -> list[State]:
        logits, labels = without_nan(logits, labels)
        numbers, right = self.score(logits), (logits.argmax(-1) == labels).float()
        costs = costs.float() / costs.max()
        budgets = torch.linspace(float(costs.max()), float(costs.min()), min(points, self.budgets))
        mean, spread = numbers.mean(1, keepdim=True), numbers.std(1, keepdim=True, correction=0) + 1e-6
        weights, shares = self._descend((numbers - mean) / spread, right, costs, budgets)
        slopes = weights[..., : numbers.shape[-1]] / spread[:, 0]
        offsets = weights[..., -1] - (slopes * mean[:, 0]).sum(-1)
        per_budget = torch.cat(
            [slopes, weights[..., numbers.shape[-1] : -1], offsets[..., None]], -1
        ).double()
        return [
            {"weights": one, "thresholds": planned(exit_scores(numbers, one), within(share, costs, budget))}
            for one, share, budget in zip(per_budget, shares, budgets, strict=True)
        ]

    def leaves(self, scores: Tensor, state: State) -> Tensor:
        q = exit_scores(scores, state["weights"])
        return q >= state["thresholds"][: len(q), None]

    def _descend(
        self, numbers: Tensor, right: Tensor, costs: Tensor, budgets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """For all budgets at once: weights of q, (budgets, exits, numbers + exits + 1), and shares, (budgets, exits).

        Args:
            numbers: (exits, N, numbers).
            right: whether each exit is right, 0 or 1, (exits, N).
            costs: of leaving at each exit, (exits,).
            budgets: mean cost to keep to, (budgets,).
        """
        exits, count, size = numbers.shape
        generator, width = torch.Generator().manual_seed(self.seed), size + exits + 1
        first = torch.randn(exits, width, 1, 1 + self.hidden, generator=generator) / width**0.5
        second = torch.randn(exits, 1, 1 + self.hidden, generator=generator) / self.hidden**0.5
        first[..., 0], second[..., 0] = 0, 0  # q begins undecided, and r without an offset
        layers = [first.repeat(1, 1, len(budgets), 1), second.repeat(1, len(budgets), 1)]
        optimizer = torch.optim.Adam([layer.requires_grad_() for layer in layers], lr=self.rate)
        for _ in range(self.steps):
            rows = torch.randint(count, (min(self.batch, count),), generator=generator)
            score, assigned = forward(numbers[:, rows], *layers)
            fit, apart, over = losses(score, assigned, right[:, rows], costs, budgets, self.beta)
            optimizer.zero_grad()
            (fit + self.follow * apart + self.keep * over).sum().backward()
            optimizer.step()
        with torch.no_grad():
            parts = [forward(part, *layers)[1].sum(1) for part in numbers.split(4096, 1)]
        return layers[0].detach()[..., 0].permute(2, 0, 1), torch.stack(parts).sum(0).T / count


def forward(numbers: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of q, and the assignment, both (exits, n, budgets).

    Args:
        numbers: (exits, n, numbers).
        first: weights of q and of r's hidden units, (exits, numbers + exits + 1, budgets, 1 + hidden).
        second: an offset and weights from the hidden units to r, (exits, budgets, 1 + hidden).
    """
    scores, assign, size = [], [], numbers.shape[-1]
    for one, weights, outer in zip(numbers, first, second, strict=True):
        units = (one @ weights[:size].flatten(1)).unflatten(1, weights.shape[1:]) + weights[-1]
        for before, score in enumerate(scores):
            units = units + torch.sigmoid(score.detach())[..., None] * weights[size + before]
        scores.append(units[..., 0])
        assign.append((torch.sigmoid(units[..., 1:]) * outer[:, 1:]).sum(-1) + outer[:, 0])
    return torch.stack(scores), torch.stack(assign).softmax(0)


def losses(
    score: Tensor, assigned: Tensor, right: Tensor, costs: Tensor, budgets: Tensor, beta: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The three losses of every budget, each (budgets,).

    Args:
        score: logits of q, (exits, n, budgets).
        assigned: share of each sample that is assigned to each exit, (exits, n, budgets).
        right: 0 or 1, (exits, n).
        costs: (exits,).
        budgets: (budgets,).
        beta: power of q.
    """
    weight = assigned.detach() / assigned.detach().sum(1, keepdim=True)
    wrong = F.binary_cross_entropy_with_logits(score, right[..., None].expand_as(score), reduction="none")
    goal = torch.sigmoid(score.detach()) ** beta
    goal = goal / goal.sum(0)
    apart = F.kl_div(assigned.log(), goal, reduction="none").mean((0, 1))
    spent = (assigned.mean(1) * costs[:, None]).sum(0)
    return (weight * wrong).sum(1).mean(0), apart, (spent - budgets).abs() / budgets


def exit_scores(numbers: Tensor, weights: Tensor) -> Tensor:
    """Logits of q, (exits so far, N), for one budget's weights, (exits, numbers + exits + 1).

    Each sample's sum is its own, not a row of a product of matrices: so it is the same number in any batch.
    """
    scores: list[Tensor] = []
    for one, own in zip(numbers.double(), weights, strict=False):
        score = (one * own[: one.shape[1]]).sum(-1) + own[-1]
        for before, earlier in enumerate(scores):
            score = score + torch.sigmoid(earlier).nan_to_num(0.0) * own[one.shape[1] + before]
        scores.append(score)
    return torch.stack(scores)


def within(shares: Tensor, costs: Tensor, budget: Tensor) -> Tensor:
    """Shares of the exits, mixed with the cheapest exit as little as keeps their mean cost to the budget."""
    least, spent = costs.min(), shares @ costs
    if spent <= budget:
        return shares
    mixed = shares * ((budget - least) / (spent - least))
    mixed[costs.argmin()] += 1 - mixed.sum()
    return mixed


def planned(scores: Tensor, shares: Tensor) -> Tensor:
    """Thresholds, (exits,), at which no fewer leave at each exit than planned: the best of those still there.

    A threshold lies halfway to the next score, so that a score which is rounded otherwise is on the same
    side; where all leave, it is -inf.
    """
    there = torch.ones(scores.shape[1], dtype=torch.bool)
    row = scores.new_full((len(scores),), torch.inf)
    for exit_, share in enumerate(shares[:-1].tolist()):
        remaining = scores[exit_, there].sort(descending=True).values
        count = min(math.ceil(share * len(there) - 1e-6), len(remaining))
        if count > 0:
            row[exit_] = (
                (remaining[count - 1] + remaining[count]) / 2 if count < len(remaining) else -torch.inf
            )
        there &= scores[exit_] < row[exit_]
    return row
