import numpy as np
import pytest
import torch

from baselines.policies.confidence import Confidence
from baselines.policies.eenet import Eenet, exit_scores, forward, losses, planned, within
from bench import Trace
from bench.replay.exits.curve import curve

QUICK = Eenet(budgets=5, steps=60)


def test_numbers_are_probabilities_their_largest_and_one_less_the_normed_entropy(trace_of):
    logits = trace_of(40).logits
    p = torch.softmax(logits.double(), -1).numpy()
    sure = 1 + (p * np.log(p)).sum(-1) / np.log(4)
    expected = np.concatenate([p, p.max(-1, keepdims=True), sure[..., None]], -1)
    assert np.allclose(Eenet().score(logits).numpy(), expected, atol=1e-5)


def test_the_losses_are_the_formulas_written_out():
    exits, n, budgets, beta = 3, 7, 2, 1.5
    score, assigned = torch.randn(exits, n, budgets), torch.randn(exits, n, budgets).softmax(0)
    right, costs = torch.randint(2, (exits, n)).float(), torch.tensor([0.2, 0.5, 1.0])
    values = losses(score, assigned, right, costs, torch.tensor([0.4, 0.9]), beta)
    for b, budget in enumerate((0.4, 0.9)):
        q, r = torch.sigmoid(score[..., b]).tolist(), assigned[..., b].tolist()
        fit = apart = spent = 0.0
        for k in range(exits):
            whole = sum(r[k])
            for i in range(n):
                hit = right[k, i].item()
                fit -= r[k][i] / whole * (hit * np.log(q[k][i]) + (1 - hit) * np.log(1 - q[k][i])) / exits
                goal = q[k][i] ** beta / sum(q[j][i] ** beta for j in range(exits))
                apart += goal * (np.log(goal) - np.log(r[k][i])) / (exits * n)
                spent += r[k][i] * costs[k].item() / n
        assert [one[b].item() for one in values] == pytest.approx(
            [fit, apart, abs(spent - budget) / budget], rel=1e-4
        )


def test_the_first_loss_moves_the_scores_alone_and_the_others_the_assignment_alone():
    numbers, right = torch.randn(2, 20, 6), torch.randint(2, (2, 20)).float()
    first, second = torch.randn(2, 9, 3, 5).requires_grad_(), torch.randn(2, 3, 5).requires_grad_()
    parts = losses(
        *forward(numbers, first, second), right, torch.tensor([0.5, 1]), torch.tensor([0.6, 0.7, 1]), 1.0
    )
    fit, hidden = torch.autograd.grad(parts[0].sum(), (first, second), retain_graph=True, allow_unused=True)
    assert fit[..., 0].abs().sum() > 0
    assert fit[..., 1:].abs().sum() == 0
    assert hidden is None or hidden.abs().sum() == 0
    other, hidden = torch.autograd.grad((parts[1] + parts[2]).sum(), (first, second))
    assert other[..., 0].abs().sum() == 0
    assert hidden.abs().sum() > 0


def test_execution_scores_as_training_did():
    numbers, first = torch.randn(3, 30, 6), torch.randn(3, 10, 2, 5)
    trained, _ = forward(numbers, first, torch.randn(3, 2, 5))
    for b in range(2):
        weights = first[..., b, 0].double()
        whole = exit_scores(numbers, weights)
        assert torch.allclose(whole, trained[..., b].double(), atol=1e-4)
        assert torch.equal(exit_scores(numbers[:2, 4:5], weights), whole[:2, 4:5])


def test_the_least_budget_lets_every_sample_leave_at_once(trace_of):
    points = curve(QUICK, trace_of(300, seed=1), trace_of(3000, seed=2))
    assert points[-1].test.left.tolist() == [3000, 0, 0]


def test_learnt_scores_are_chances_of_being_right(trace_of):
    trace = trace_of(2000)
    numbers, right = Eenet().score(trace.logits), trace.correct.double()
    for state in QUICK.learn(trace.logits, trace.labels, trace.costs, 40):
        chances = torch.sigmoid(exit_scores(numbers, state["weights"]))
        for level in (0.3, 0.6, 0.9):
            near = (chances - level).abs() < 0.1
            assert right[near].mean() == pytest.approx(level, abs=0.12)


def test_shares_beyond_the_budget_are_mixed_with_the_cheapest_exit():
    shares, costs = torch.tensor([0.2, 0.3, 0.5]), torch.tensor([0.1, 0.4, 1.0])
    assert torch.equal(within(shares, costs, torch.tensor(0.7)), shares)
    mixed = within(shares, costs, torch.tensor(0.37))
    assert mixed.sum() == pytest.approx(1)
    assert float(mixed @ costs) == pytest.approx(0.37)
    assert (mixed[1:] / shares[1:]).tolist() == pytest.approx([0.5, 0.5])
    assert within(shares, costs, torch.tensor(0.1)).tolist() == pytest.approx([1, 0, 0])


def test_no_fewer_leave_than_planned_of_those_still_there():
    scores = torch.tensor([[9.0, 8, 7, 6, 5, 4], [0, 1, 7, 3, 3, 3], [0] * 6])
    row = planned(scores, torch.tensor([1 / 3, 1 / 3, 1 / 3]))
    assert row.tolist()[:2] == [7.5, 3]  # then 7, and the three of one score, who leave together
    assert planned(scores, torch.tensor([0, 1.0, 0])).tolist()[:2] == [torch.inf, -torch.inf]


@pytest.mark.parametrize("costs", [(10.0, 25.0, 60.0), (2.31e-3, 4.15e-3, 4.93e-3)], ids=["MACs", "seconds"])
def test_every_point_keeps_to_its_budget_on_the_calibration_split_in_the_traces_unit(trace_of, costs):
    calibration, test = trace_of(700, seed=1, costs=costs), trace_of(700, seed=2, costs=costs)
    budgets = np.linspace(costs[-1], costs[0], 5)
    points = curve(QUICK, calibration, test)
    for point, budget in zip(points, budgets, strict=True):
        assert point.calibration.cost <= budget * (1 + 1e-6)
        assert point.calibration.cost >= 0.9 * budget or budget > 0.9 * costs[-1]
        assert point.test.cost == pytest.approx(point.calibration.cost, rel=0.1)


def equally_sure(samples=1200, seed=0):
    """The first exit is always as sure, right where it says 0 and wrong where it says 1: what confidence cannot see."""
    generator = torch.Generator().manual_seed(seed)
    answers = torch.randint(2, (samples,), generator=generator)
    labels = torch.where(answers == 1, 2, 0)
    logits = 0.01 * torch.randn(2, samples, 3, generator=generator)
    logits[0, torch.arange(samples), answers] += 3
    logits[1, torch.arange(samples), labels] += 3
    return Trace(logits, labels, torch.tensor([1.0, 2.0]).double()), answers


def test_a_case_that_confidence_cannot_tell_apart_is_learnt():
    (calibration, _), (test, answers) = equally_sure(seed=1), equally_sure(seed=2)
    half = curve(QUICK, calibration, test)[2]
    assert half.calibration.cost <= 1.5
    assert half.test.accuracy > 0.98
    assert (half.test.exits[answers == 0] == 0).float().mean() > 0.93
    sure = max(
        (p for p in curve(Confidence(), calibration, test) if p.calibration.cost <= 1.5),
        key=lambda p: p.calibration.accuracy,
    )
    assert sure.test.accuracy < 0.85


def test_the_seed_decides_and_another_seed_learns_otherwise(trace_of):
    trace = trace_of(300)
    one, same, other = (
        Eenet(budgets=3, steps=10, seed=seed).learn(trace.logits, trace.labels, trace.costs, 40)
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(a[key], b[key]) for a, b in zip(one, same, strict=True) for key in a)
    assert not torch.equal(one[1]["weights"], other[1]["weights"])
