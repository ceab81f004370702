"""What is trained when, and by which gradient.

Covers: baselines/exits/equilibrium.py, baselines/exits/frozen.py
"""

import copy

import pytest
import torch
import torch.nn.functional as F

from baselines.exits.equilibrium import rescaled
from bench import Exits, Method, Net, Sample
from bench.plugins.plugin import choose
from bench.runs.training.budget import Budget
from bench.testing import TinyTask, trained


def plan(spec):
    return choose(Exits, spec).plugin


def phases(spec, monkeypatch, method=None):
    """The share of the budget and the trained parameters' names of every call of `train`, and the loss it was given."""
    seen = []
    call = Budget.__call__

    def spy(self, net, share=None, **hooks):
        names = {n for n, _ in net.named_parameters() if self._trained is None or n in self._trained}
        logits = [torch.randn(8, 4, requires_grad=True) for _ in net.exits]
        self._loss(logits, torch.arange(8) % 4, 0.5).backward()
        seen.append((self.steps, names, [one.grad is not None for one in logits]))
        call(self, net, share, **hooks)

    monkeypatch.setattr(Budget, "__call__", spy)
    net, _ = trained(method or Method(), plan(spec))
    return net, seen


def names_of(net, kind):
    early = {f"heads.{stage}." for stage in net.exits[:-1]}
    names = {n for n, _ in net.named_parameters()}
    heads = {n for n in names if n.startswith(tuple(early))}
    ensembles = {n for n in heads if n.endswith((".weights", ".bias")) and n.count(".") == 2}
    return {"network": names - heads, "heads": heads, "ensembles": ensembles, "all": names}[kind]


def test_joint_training_trains_everything_by_every_exit(monkeypatch):
    net, [(steps, names, with_gradient)] = phases("joint", monkeypatch)
    assert steps == 16
    assert names == names_of(net, "all")
    assert with_gradient == [True] * 3


def test_branchynet_trains_the_network_alone_before_all_exits_join(monkeypatch):
    net, [first, second] = phases("joint[alone=0.25,weights=1:0.5:0.3]", monkeypatch)
    assert first == (4, names_of(net, "network"), [False, False, True])
    assert second == (12, names_of(net, "all"), [True, True, True])


def test_frozen_trains_early_heads_alone_after_the_network(monkeypatch):
    net, [first, second] = phases("frozen", monkeypatch)
    assert first == (12, names_of(net, "network"), [False, False, True])
    assert second == (4, names_of(net, "heads"), [True, True, False])


def test_zero_time_waste_trains_network_then_cascade_then_ensembles(monkeypatch):
    net, [first, second, third] = phases("ztw[backbone=0.5,ensembles=0.25]", monkeypatch)
    ensembles = {f"heads.{stage}.{what}" for stage in net.exits[:-1] for what in ("weights", "bias")}
    assert first == (8, names_of(net, "network"), [False, False, True])
    assert second == (4, names_of(net, "heads") - ensembles, [True, True, False])
    assert third == (4, ensembles, [True, True, False])


@pytest.mark.parametrize("spec", ["joint[alone=0.5]", "frozen", "ztw", "equilibrium", "distilled", "sdn"])
def test_a_network_of_one_exit_trains_like_any_other(spec):
    net, budget = trained(
        Method(), plan(spec.replace("]", ",exits=1]") if "]" in spec else f"{spec}[exits=1]")
    )
    assert net.exits == (2,)
    assert budget.spent == pytest.approx({"frozen": 0.75, "ztw": 0.75}.get(spec, 1.0))


def small_net():
    layers = [torch.nn.Linear(5, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4), torch.nn.Linear(4, 3)]
    net = Net(layers, Sample((5,)), 2)
    for stage in (0, 2, 3):
        net.hang(stage, torch.nn.Linear(net.shape(stage)[0], 2))
    return net


def test_under_gradient_equilibrium_a_stage_learns_from_the_mean_of_the_exits_at_and_behind_it():
    net, x, labels = small_net(), torch.randn(9, 5), torch.arange(9) % 2
    losses = [F.cross_entropy(logits, labels) for logits in net(x)]
    blocks = [(net.stages[0], losses), (net.stages[2], losses[1:]), (net.stages[3], losses[2:])]
    expected = [
        torch.autograd.grad(sum(behind) / len(behind), list(block.parameters()), retain_graph=True)
        for block, behind in blocks
    ]
    own = [
        torch.autograd.grad(loss, list(net.head(stage).parameters()), retain_graph=True)
        for loss, stage in zip(losses, net.exits, strict=True)
    ]
    with rescaled(net):
        answers = net(x)
        plan("equilibrium").loss(answers, labels, 0.0).backward()
    for (block, _), gradients in zip(blocks, expected, strict=True):
        torch.testing.assert_close([p.grad for p in block.parameters()], list(gradients))
    for stage, gradients in zip(net.exits, own, strict=True):
        torch.testing.assert_close([p.grad for p in net.head(stage).parameters()], list(gradients))


def test_gradient_equilibrium_changes_no_answer_and_leaves_no_trace():
    net, x = small_net(), torch.randn(4, 5)
    plain = net(x)
    with rescaled(net):
        assert all(torch.equal(a, b) for a, b in zip(net(x), plain, strict=True))
        copy.deepcopy(net)(x)
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_gradient_equilibrium_holds_for_layers_that_are_trained_lean():
    from bench.execution.lean.lean import lean_layers
    from bench.network.sparse.mask import hide

    net, x, labels = small_net(), torch.randn(9, 5), torch.arange(9) % 2
    head = net.head(0)
    hide(head, torch.ones_like(head.weight, dtype=torch.bool), "made:1")

    def gradient():
        net.zero_grad()
        plan("equilibrium").loss(net(x), labels, 0.0).backward()
        return net.stages[0].weight.grad.clone()

    with rescaled(net):
        expected = gradient()
        with lean_layers(net):
            assert net.head(0) is not head
            torch.testing.assert_close(gradient(), expected)


def test_equilibrium_and_joint_part_ways_under_sgd_and_hardly_under_adamw():
    def trained_by(spec, optimizer):
        task, exits = TinyTask(), plan(spec)
        net, _ = trained(Method(), exits, train=False)
        recipe = task.about().recipe.model_copy(update={"optimizer": optimizer, "lr": 1e-3})
        exits.fit(net, Budget(task.data(None, 0).lent, recipe, exits.loss, 0, torch.device("cpu")), Method())
        return net.stages[0][0].weight.detach()

    def apart(optimizer):
        one, other = trained_by("joint", optimizer), trained_by("equilibrium", optimizer)
        start = trained(Method(), plan("joint"), train=False)[0].stages[0][0].weight.detach()
        return float((one - other).norm() / (one - start).norm())

    assert apart("sgd") > 0.4
    assert apart("adamw") < 0.1
