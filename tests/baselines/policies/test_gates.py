import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from baselines.policies.gates import Gates, _conditional, _prices, solved
from bench import Trace
from bench.replay.exits.curve import curve
from bench.replay.exits.decide import decide


def test_a_gate_sees_the_four_numbers_written_out(trace_of):
    logits = trace_of(50).logits
    scores = Gates().score(logits).numpy()
    for exit_ in range(3):
        for sample in range(50):
            p = np.exp(logits[exit_, sample].double().numpy())
            p /= p.sum()
            second, first = np.sort(p)[-2:]
            sharp = p**2 / (p**2).sum()
            entropies = [-(one * np.log(one)).sum() for one in (p, sharp)]
            expected = [first, entropies[0], first - second, entropies[1]]
            assert scores[exit_, sample] == pytest.approx(expected, abs=1e-5)


def test_probabilities_are_those_of_the_paper():
    gates = torch.rand(4, 200, dtype=torch.float64)
    conditional = _conditional(gates)
    for sample in range(200):
        still = 1.0
        for exit_ in range(4):
            g = gates[:, sample].tolist()
            leaving = max(0.0, min(g[exit_], 1 - sum(g[:exit_])))
            q = min(1.0, max(0.0, leaving / still)) if still > 1e-12 else None
            if q is None:
                break  # all have left
            assert float(conditional[exit_, sample]) == pytest.approx(q)
            still *= 1 - q


def loss(w, inputs, targets, weights, decay):
    z = inputs @ w
    each = -(targets * np.log(1 / (1 + np.exp(-z))) + (1 - targets) * np.log(1 / (1 + np.exp(z))))
    return (weights * each).mean() + decay / 2 * (w**2).sum()


def test_gates_minimise_the_weighted_cross_entropy_written_out():
    inputs = torch.randn(150, 5, dtype=torch.float64)
    targets = (inputs @ torch.randn(5, 3, dtype=torch.float64) + torch.randn(150, 3) > 0).double().T
    weights = torch.where(targets > 0, 3.0, 1.0).double()
    solutions = solved(inputs, targets, weights, 5e-4)
    for one, target, weight in zip(solutions, targets, weights, strict=True):
        parts = (inputs.numpy(), target.numpy(), weight.numpy(), 5e-4)
        best = minimize(loss, np.zeros(5), parts, method="BFGS", options={"gtol": 1e-8})
        assert loss(one.numpy(), *parts) == pytest.approx(best.fun, rel=1e-9)


def test_targets_that_can_be_separated_leave_the_weights_finite():
    inputs = torch.cat([torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]] * 2, 1)
    for targets in (inputs[:, 0] > 0, inputs[:, 0] < 9, inputs[:, 0] > 9):
        solutions = solved(inputs, targets.double()[None], torch.full((1, 100), 5.0).double(), 5e-4)
        assert solutions.isfinite().all()
        slope = (
            inputs.T @ (torch.sigmoid(inputs @ solutions[0]) - targets.double()) * 5 / 100
            + 5e-4 * solutions[0]
        )
        assert slope.abs().max() < 1e-8


def test_prices_are_those_at_which_a_sample_would_leave_earlier():
    loss_ = torch.tensor([[3.0, 0.5, 2.0], [1.0, 1.0, 2.0]]).double()
    share = torch.tensor([0.5, 1.0]).double()
    assert _prices(loss_, share, 9).tolist() == [
        0,
        4,
    ]  # the first gains 2 for half the cost; the others never stay


def reliable(samples=600, seed=0):
    """The first exit is right just where it is sure, the second always: it costs twice as much."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (samples,), generator=generator)
    sure = torch.rand(samples, generator=generator) < 0.5
    early = torch.where(sure, 4.0, 1.0) + 0.3 * torch.rand(samples, generator=generator)
    answers = torch.where(sure, labels, (labels + 1) % 3)
    logits = torch.zeros(2, samples, 3)
    logits[0, torch.arange(samples), answers] = early
    logits[1, torch.arange(samples), labels] = 4.0
    return Trace(logits, labels, torch.tensor([1.0, 2.0]).double()), sure


def test_a_case_that_can_be_separated_is_learnt():
    (calibration, _), (test, sure) = reliable(seed=1), reliable(seed=2)
    points = curve(Gates(), calibration, test)
    assert any(torch.equal(point.test.exits, (~sure).long()) for point in points)
    assert all(point.test.accuracy == 1 for point in points if point.test.exits.float().mean() > 0.6)


def test_a_larger_price_leaves_no_later(trace_of):
    points = curve(Gates(), trace_of(2000, exits=2), trace_of(2000, seed=1, exits=2), points=6)
    costs = [point.calibration.cost for point in points]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.5 * costs[0]


def test_targets_and_weights_are_those_written_out(trace_of, monkeypatch):
    seen = []

    def see(inputs, targets, weights, decay):
        seen.append((targets, weights))
        return solved(inputs, targets, weights, decay)

    monkeypatch.setattr("baselines.policies.gates.solved", see)
    trace = trace_of(60, exits=4)
    Gates(clip=3.0).learn(trace.logits, trace.labels, trace.costs, 8)
    p = torch.softmax(trace.logits.double(), -1)
    entropies = -p[:, torch.arange(60), trace.labels].log()
    prices = _prices(entropies, trace.costs / 100, 8).tolist()
    for exit_, (targets, weights) in enumerate(seen):
        for price, target, weight in zip(prices, targets.tolist(), weights.tolist(), strict=True):
            wanted = []
            for sample in range(60):
                prize = [entropies[k, sample].item() + price * trace.costs[k].item() / 100 for k in range(4)]
                wanted.append(float(exit_ >= prize.index(min(prize))))
            ones = sum(wanted)
            ratio = min(max((60 - ones) / ones, 1 / 3), 3.0) if ones else 3.0
            agree = [one == other for one, other in zip(target, wanted, strict=True)]
            assert sum(agree) >= 59  # a price may lie on a sample's change, and float32 on either side
            if all(agree):
                assert weight == pytest.approx([ratio if one else 1.0 for one in wanted])


def test_the_state_alone_decides(trace_of):
    calibration, test = trace_of(seed=1), trace_of(seed=2)
    points = curve(Gates(), calibration, test, points=4)
    again = decide(Gates(), [point.state for point in points], test.logits)
    assert all(torch.equal(one, point.test.exits) for one, point in zip(again, points, strict=True))
