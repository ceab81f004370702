"""Gates that learn from the losses of all exits when to leave (JEI-DNN: Regol et al., ICLR 2024).

Gate l gives g_l = sigmoid(w_l u_l + b_l) from four numbers u_l of its exit's answer. A sample leaves at exit
l with probability P_l = max(0, min(g_l, 1 - g_1 - ... - g_{l-1})), so with Q_l = P_l / prod_{k<l} (1 - Q_k)
where it has come so far, and in execution where Q_l >= 1/2. The paper alternates two steps: classifiers
trained under the weights P_l, and gates by binary cross-entropy against 1[l >= l*], l* = argmin_l CE_l +
lambda cost_l. Here the network is trained already, so only the second step remains; it is convex, and is solved
instead of descended.
"""

import torch
from torch import Tensor

from bench import Policy, Positive, State, without_nan


class Gates(Policy):
    """Leave where a learned gate finds no later exit worth its cost; a price of cost for each point."""

    clip: Positive = 5.0
    """largest weight of the samples that should leave against those that should not, where they are fewer"""
    decay: Positive = 5e-4
    """weight decay of the gates"""

    def score(self, logits: Tensor) -> Tensor:
        """Largest probability, entropy, margin, and entropy of p^2 normalised: (exits, N, 4)."""
        first, second = logits.softmax(-1).topk(2).values.unbind(-1)
        return torch.stack([first, _entropy(logits), first - second, _entropy(2 * logits)], -1)

    def learn(self, logits: Tensor, labels: Tensor, costs: Tensor, points: int) -> list[State]:
        logits, labels = without_nan(logits, labels)
        loss = -logits.log_softmax(-1).gather(2, labels.expand(len(logits), -1)[..., None])[..., 0].double()
        share = costs.double() / costs.max()
        prices = _prices(loss, share, points)
        best = (loss + prices[:, None, None] * share[:, None]).argmin(1)
        weights = torch.zeros(len(prices), len(logits), 5, dtype=torch.float64)
        for exit_, features in enumerate(self.score(logits)[:-1].double()):
            weights[:, exit_] = self._gate(features, (best <= exit_).double())
        return [{"weights": one} for one in weights]

    def leaves(self, scores: Tensor, state: State) -> Tensor:
        weights = state["weights"][: len(scores), None]
        gates = torch.sigmoid((scores * weights[..., :4]).sum(-1) + weights[..., 4])
        return _conditional(gates) >= 0.5

    def _gate(self, features: Tensor, targets: Tensor) -> Tensor:
        """Weights and bias of one gate for every row of targets: from (N, 4) and (prices, N) to (prices, 5)."""
        ones = targets.sum(1, keepdim=True)
        balance = ((targets.shape[1] - ones) / ones).nan_to_num(1.0).clamp(1 / self.clip, self.clip)
        mean, spread = features.mean(0), features.std(0, correction=0) + 1e-6
        inputs = torch.cat([(features - mean) / spread, torch.ones(len(features), 1, dtype=torch.float64)], 1)
        weights = solved(inputs, targets, torch.where(targets > 0, balance, 1.0), self.decay)
        slopes = weights[:, :4] / spread
        return torch.cat([slopes, weights[:, 4:] - (slopes @ mean)[:, None]], 1)


def _entropy(logits: Tensor) -> Tensor:
    return torch.special.entr(logits.softmax(-1)).sum(-1)


def _prices(loss: Tensor, share: Tensor, points: int) -> Tensor:
    """Prices of cost, rising from 0: equal steps through those at which a sample's best exit becomes an earlier one."""
    changes = [
        ((loss[exit_] - loss[exit_ + 1 :]) / (share[exit_ + 1 :] - share[exit_])[:, None]).amax(0)
        for exit_ in range(len(loss) - 1)
    ]
    prices = torch.cat([torch.zeros(1, dtype=torch.float64), *changes])
    prices = prices[(prices > 0) & prices.isfinite()].sort().values
    places = torch.linspace(0, len(prices) - 1, points - 1).round().long() if len(prices) else []
    return torch.cat([torch.zeros(1, dtype=torch.float64), prices[places]]).unique_consecutive()


def _conditional(gates: Tensor) -> Tensor:
    """Q_l of every exit from all g_l, (exits, N). A gate of NaN stays shut."""
    gone, still, chances = torch.zeros_like(gates[0]), torch.ones_like(gates[0]), []
    for gate in gates.nan_to_num(0.0):
        leaving = torch.minimum(gate, 1 - gone).clamp(min=0)
        chances.append((leaving / still).nan_to_num(1.0).clamp(0, 1))
        gone, still = gone + gate, still * (1 - chances[-1])
    return torch.stack(chances)


def solved(inputs: Tensor, targets: Tensor, weights: Tensor, decay: float) -> Tensor:
    """Minimises mean(weights * binary cross-entropy) + decay / 2 |w|^2 by Newton's method with halved steps.

    All problems at once: for 40 problems of 1,000 samples, scikit-learn's `LogisticRegression`, which solves one after the
    other and refuses targets of one class, takes 11 times as long, and PyTorch's L-BFGS 170 times, to the same minimum.

    Args:
        inputs: (N, numbers).
        targets: of each problem, 0 or 1, (problems, N).
        weights: of each sample, (problems, N).
        decay: above 0, so that there is one minimum.

    Returns:
        (problems, numbers).
    """
    count, size = inputs.shape
    squares = (inputs[:, :, None] * inputs[:, None]).reshape(count, -1)
    solution = torch.zeros(len(targets), size, dtype=inputs.dtype)

    def loss(of: Tensor) -> Tensor:
        logits = of @ inputs.T
        each = torch.nn.functional.softplus(logits) - targets * logits
        return (weights * each).mean(1) + decay / 2 * of.square().sum(1)

    now = loss(solution)
    for _ in range(50):
        chance = torch.sigmoid(solution @ inputs.T)
        slope = (weights * (chance - targets)) @ inputs / count + decay * solution
        if slope.abs().max() < 1e-9:
            break
        bend = (weights * chance * (1 - chance)) @ squares / count
        bend = bend.reshape(-1, size, size) + decay * torch.eye(size, dtype=inputs.dtype)
        step = torch.linalg.solve(bend, slope)
        new = loss(solution - step)
        while bool((worse := new > now * (1 + 1e-12)).any()):
            step[worse] /= 2
            new = loss(solution - step)
        solution, now = solution - step, new
    return solution
