"""Training by shares of one budget, against a plain loop.

Covers: bench/kinds/method.py, bench/runs/training/callbacks.py, bench/runs/training/lit.py
"""

import copy
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench import Data, Net, Recipe, Sample, Scale, SeesawError, Split, hide
from bench.runs.training.budget import Budget
from bench.runs.training.data import Strides

CPU = torch.device("cpu")


def cross_entropy(logits, labels, progress):
    return sum(F.cross_entropy(one, labels) for one in logits)


def toy(samples=70, recipe=None, loss=cross_entropy, **settings):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randint(0, 256, (samples, 1, 4, 4), dtype=torch.uint8, generator=generator)
    split = Split(inputs, torch.arange(samples) % 3)
    data = Data(split, split, split, Scale((0.5,), (0.25,)))
    recipe = recipe or Recipe(epochs=3, batch=16, lr=0.05, weight_decay=1e-2, **settings)
    return Budget(data.lent, recipe, loss, seed=5, device=CPU)


def network():
    torch.manual_seed(3)
    stages = [nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU()), nn.Linear(8, 8)]
    net = Net(stages, Sample((1, 4, 4)), 3)
    net.hang(0, nn.Linear(8, 3))
    net.hang(1, nn.Linear(8, 3))
    return net


def plain_loop(net, budget):
    """The same training in plain PyTorch."""
    recipe = budget.recipe
    weights = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() <= 1]
    groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0}]
    optimizer = torch.optim.SGD(groups, lr=recipe.lr, momentum=0.9, nesterov=True, fused=True)
    strides, step = Strides(budget.data.train, recipe, budget.seed, 0, budget.steps), 0
    net.train()
    for _ in range(recipe.epochs):
        for stride in strides:
            for x, y in zip(stride.inputs.split(16), stride.labels.split(16), strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = recipe.rate(step / budget.steps)
                optimizer.zero_grad()
                cross_entropy(net((x.float() - 127.5) / 63.75), y, 0).backward()
                optimizer.step()
                step += 1
    return net.eval()


def test_training_is_the_plain_loops_training():
    budget, net = toy(), network()
    budget(net)
    expected = plain_loop(network(), toy())
    for name, value in net.state_dict().items():
        assert torch.equal(value, expected.state_dict()[name]), name


def test_two_shares_are_one_schedule_over_the_same_batches():
    seen = {}
    for name, shares in (("whole", [None]), ("parts", [0.4, 0.3, None])):
        budget, net, steps = toy(), network(), []
        for share in shares:
            budget(net, share, after_step=lambda step, steps=steps: steps.append((step.index, step.progress)))
        seen[name] = steps
        assert budget.spent == 1
    assert seen["whole"] == seen["parts"]
    assert [index for index, _ in seen["whole"]] == list(range(12))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_two_calls_are_one_training_momentum_included(optimizer):
    once, twice = network(), network()
    toy(optimizer=optimizer)(once)
    budget = toy(optimizer=optimizer)
    budget(twice, 0.5)
    budget(twice)
    for name, value in once.state_dict().items():
        assert torch.equal(value, twice.state_dict()[name]), name


def test_rewinding_forgets_the_momentum():
    again, afresh = network(), network()
    early = copy.deepcopy(again.state_dict())
    budget = toy(optimizer="adamw")
    budget(again)
    again.load_state_dict(early)
    budget.rewind()
    budget(again)
    toy(optimizer="adamw")(afresh)
    for name, value in again.state_dict().items():
        assert torch.equal(value, afresh.state_dict()[name]), name


def test_a_step_of_nothing_changes_nothing():
    budget, net = toy(recipe=Recipe(epochs=0, batch=16)), network()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    budget(net)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert budget.spent == 0


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_hidden_weights_stay_exactly_zero_through_momentum_and_decay(optimizer):
    budget, net = toy(optimizer=optimizer), network()
    budget(net, 0.5)
    layer = net.stages[1]
    mask = torch.rand(8, 8) < 0.4
    hide(layer, mask)
    after = []
    budget(net, after_step=lambda step: after.append(layer.weight[~mask].abs().max().item()))
    assert after == [0.0] * 6
    assert bool((layer.weight[mask] != 0).all())


def test_a_regrown_weight_restarts_at_zero_with_zero_momentum():
    budget, net = toy(), network()
    layer = net.stages[1]
    full, half = torch.ones(8, 8, dtype=torch.bool), torch.eye(8, dtype=torch.bool)
    moments, weights = {}, {}

    def change(step):
        if step.index == 4:
            hide(layer, half)
        if step.index == 5:
            weights["hidden"] = layer.weight[~half].clone()
            hide(layer, full)

    def look(step):
        state = step.optimizer.state.get(layer.weight, {})
        moments[step.index] = state["momentum_buffer"][~half].abs().max().item()

    hide(layer, full)
    budget(net, before_step=change, after_step=look)
    assert moments[3] > 0
    assert moments[4] == 0
    assert bool((weights["hidden"] == 0).all())
    assert moments[5] > 0


def test_before_step_sees_the_dense_gradient_of_hidden_weights():
    budget, net = toy(), network()
    layer, seen = net.stages[1], []
    mask = torch.eye(8, dtype=torch.bool)
    hide(layer, mask)
    budget(net, 0.2, before_step=lambda step: seen.append(layer.weight.grad[~mask].abs().sum().item()))
    assert all(value > 0 for value in seen)


def test_rewinding_costs_budget():
    budget, net = toy(), network()
    budget(net)
    budget.rewind(0.5)
    budget(net)
    assert budget.spent == 1.5


def test_a_portion_has_its_own_schedule_and_leaves_the_rest_alone():
    budget, net = toy(), network()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    budget.portion(0.5, parameters=["heads.0.weight", "heads.0.bias"])(net)
    changed = {k for k, v in net.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"heads.0.weight", "heads.0.bias"}
    assert budget.spent == 0.5
    assert budget.at == 0


def test_a_portion_trains_the_same_parameters_of_a_copy():
    budget, net = toy(), network()
    twin = copy.deepcopy(net)
    budget.portion(0.5, parameters=["heads.0.weight"])(twin)
    changed = {k for k, v in twin.state_dict().items() if not torch.equal(v, net.state_dict()[k])}
    assert changed == {"heads.0.weight"}


def test_a_loss_of_nan_is_a_sentence():
    budget = toy(loss=lambda logits, labels, progress: logits[-1].sum() * float("nan"))
    with pytest.raises(SeesawError, match=r"loss became nan at step .*Lower the learning rate"):
        budget(network())


def test_an_epoch_is_written_down_with_every_exits_accuracy():
    budget, net = toy(), network()
    budget(net, 0.5)
    budget(net)
    assert [epoch.steps for epoch in budget.log.epochs] == [4, 2, 2, 4]
    assert all(len(epoch.accuracy) == 2 and min(epoch.accuracy) >= 0 for epoch in budget.log.epochs)


def test_a_calibration_batch_is_the_same_at_every_call():
    budget = toy()
    (x, y), (again, _) = budget.batch(20), budget.batch(20)
    assert torch.equal(x, again)
    assert x.shape == (20, 1, 4, 4)
    assert x.dtype == torch.float32
    assert y.shape == (20,)
    assert budget.loss(network(), x, y).dim() == 0


def test_one_cycle_rises_and_falls_to_zero():
    recipe = Recipe(epochs=1, lr=1.0, warmup=0.25)
    rates = [recipe.rate(i / 100) for i in range(101)]
    assert rates[25] == max(rates) == 1.0
    assert rates[0] == pytest.approx(0.04)
    assert rates[100] == pytest.approx(0.0)
    assert Recipe(epochs=1, lr=2.0, schedule="constant").rate(0.9) == 2.0
    cosine = Recipe(epochs=1, lr=2.0, schedule="cosine").rate(1 / 3)
    assert cosine == pytest.approx(1 + math.cos(math.pi / 3))


def test_nothing_is_written_beside_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toy()(network())
    assert list(Path().iterdir()) == []
