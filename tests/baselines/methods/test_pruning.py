"""Pruning methods against independent implementations on the same weights and batch.

Covers: baselines/methods/grasp.py, baselines/methods/pruned.py, baselines/methods/snip.py,
    baselines/methods/synflow.py
"""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.functional import hessian
from torch.func import functional_call

from bench import Net, Sample, SeesawError, layers, mask_of, maskable
from tests.baselines.methods.plain import (
    budget,
    convolutions,
    cross_entropy,
    kept,
    look,
    method,
    network,
    spread,
    top,
    weights,
)


def with_norm():
    return network(norm=True)


NETWORKS = [network, with_norm, convolutions]


def untouched(net, before):
    """Nothing but masks, and zeros under them, was written into a network."""
    for name, tensor in before.items():
        mask = net.state_dict().get(f"{name}_mask", torch.ones_like(tensor, dtype=torch.bool))
        assert torch.equal(net.state_dict()[name], tensor.where(mask, 0)), name


@pytest.mark.parametrize("made", NETWORKS)
@pytest.mark.parametrize("layers", ["global", "uniform", "erk"])
def test_snip_is_the_derivative_by_a_gate_on_every_weight(made, layers):
    net, before = made(), copy.deepcopy(made().state_dict())
    train = budget(shape=net.sample.shape)
    x, y = train.batch(16)
    gates = {name: torch.ones_like(weight).requires_grad_() for name, weight in weights(net).items()}
    gated = {f"{name}.weight": gates[name] * weight for name, weight in weights(net).items()}
    cross_entropy(functional_call(made().train(), gated, (x,)), y, 0).backward()
    expected = spread([gate.grad.abs() for gate in gates.values()], 0.3, layers)
    method(f"snip[density=0.3,samples=16,layers={layers}]").prepare(net, train)
    assert torch.equal(kept(net), expected)
    untouched(net, before)


@pytest.mark.parametrize(
    ("made", "temperature"), [(network, 200), (network, 3), (with_norm, 200), (convolutions, 200)]
)
def test_grasp_is_the_whole_hessian_times_the_gradient(made, temperature):
    """S = -w * Hg, from the Hessian of all weights written out whole, in double precision; the highest S are removed."""
    net, before = made(), copy.deepcopy(made().state_dict())
    train, twin = budget(shape=net.sample.shape), made().double().train()
    x, y = train.batch(24)
    whole = {name: layer.weight.detach().clone() for name, layer in layers(net).items()}
    start = torch.cat([weight.flatten() for weight in whole.values()]).double()
    sparse = torch.cat(
        [torch.full((weight.numel(),), name in maskable(net)) for name, weight in whole.items()]
    )

    def loss(flat):
        parts = flat.split([weight.numel() for weight in whole.values()])
        given = {
            f"{name}.weight": part.reshape(whole[name].shape) for name, part in zip(whole, parts, strict=True)
        }
        logits = functional_call(twin, given, (x.double(),))
        return cross_entropy([one / temperature for one in logits], y, 0)

    (gradient,) = torch.autograd.grad(loss(start.requires_grad_()), start)
    score = -start * (hessian(loss, start) @ gradient)
    method(f"grasp[density=0.2,samples=8,temperature={temperature}]").prepare(net, train)
    assert torch.equal(~kept(net), top([score[sparse]], 0.8))
    untouched(net, before)


def test_grasp_gives_the_same_masks_from_samples_a_few_at_a_time(monkeypatch):
    whole, parts = network(), network()
    method("grasp[density=0.3,samples=8]").prepare(whole, budget(shape=whole.sample.shape))
    monkeypatch.setattr("baselines.methods.grasp.CHUNK", 7)
    method("grasp[density=0.3,samples=8]").prepare(parts, budget(shape=parts.sample.shape))
    assert torch.equal(kept(whole), kept(parts))


def test_synflow_scores_a_network_that_has_masks_already():
    net = convolutions()
    method("random[density=0.5]").prepare(net, budget(shape=net.sample.shape))
    method("synflow[density=0.25,rounds=3]").prepare(net, budget(shape=net.sample.shape))
    assert int(kept(net).sum()) == round(0.25 * kept(net).numel())


def test_synflow_keeps_what_most_flow_would_be_lost_without():
    """R is linear in each weight alone, so |w dR/dw| is R less R without w: tried for every weight, in each round."""
    net = convolutions()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.copy_(torch.randn(len(module.weight)))
                module.running_var.copy_(torch.rand(len(module.weight)) + 0.5)
    before, ghost = copy.deepcopy(net.state_dict()), copy.deepcopy(net).double().eval()
    with torch.no_grad():
        for tensor in ghost.state_dict().values():
            tensor.abs_()
    places = [layer.weight.data.flatten() for layer in maskable(ghost).values()]  # channels first: views
    ones = torch.ones(1, *net.sample.shape, dtype=torch.double)

    def flow():
        with torch.no_grad():
            return float(sum(logits.sum() for logits in ghost(ones)))

    for number in range(1, 5):
        whole, lost = flow(), []
        for weight in places:
            for place, value in enumerate(weight.tolist()):
                weight[place] = 0
                lost.append(whole - flow() if value else -1.0)
                weight[place] = value
        stay = top([torch.tensor(lost, dtype=torch.double)], 0.2 ** (number / 4))
        for weight, mask in zip(places, stay.split([len(weight) for weight in places]), strict=True):
            weight.mul_(mask)
    method("synflow[density=0.2,rounds=4]").prepare(net, budget(shape=net.sample.shape))
    assert torch.equal(kept(net), stay)
    untouched(net, before)


@pytest.mark.parametrize("layers", ["global", "uniform", "erk"])
def test_pruned_keeps_the_largest_weights_at_once_and_trains_them_on(layers):
    net, train = convolutions(), budget(shape=(2, 4, 4))
    method(f"pruned[density=0.2,at=0.4,layers={layers}]").fit(net, train)
    assert [(start, stop) for start, stop, _ in train.calls] == [(0, 8), (8, 20)]
    trained, state = train.updates[7].after, train.calls[1][2]
    assert all(seen.mask is None for seen in trained.values())
    mask = spread([seen.weight.abs() for seen in trained.values()], 0.2, layers)
    for (name, seen), part in zip(
        trained.items(), mask.split([s.weight.numel() for s in trained.values()]), strict=True
    ):
        stays = part.reshape(seen.weight.shape)
        assert torch.equal(state[f"{name}.weight"], seen.weight.where(stays, 0)), name
        assert torch.equal(look(net)[name].mask, stays)
        assert bool((look(net)[name].weight != state[f"{name}.weight"])[stays].all())
    assert train.spent == 1


def test_pruned_takes_classifiers_into_the_count_where_they_are_asked_for():
    net, train = convolutions(), budget(shape=(2, 4, 4))
    method("pruned[density=0.2,at=0.001,heads=true]").fit(net, train)
    names = [*maskable(net), "heads.1.1", "heads.2"]
    sizes = [layers(convolutions())[name].weight.detach().abs() for name in names]
    state = train.calls[0][2]
    mask = torch.cat([state[f"{name}.weight_mask"].flatten() for name in names])
    assert torch.equal(mask, top(sizes, 0.2))


def test_synflow_is_the_products_of_a_loop_over_rounds():
    """Without activations that change signs, R = 1' |H| |W2| |W1| 1 with biases; derivatives written out by hand."""
    torch.manual_seed(1)
    net = Net([nn.Linear(6, 8), nn.Linear(8, 5)], Sample((6,)), 3)
    net.hang(1, nn.Linear(5, 3))
    w1, w2, h = (
        np.abs(p.detach().double().numpy())
        for p in (net.stages[0].weight, net.stages[1].weight, net.head(1).weight)
    )
    b1 = np.abs(net.stages[0].bias.detach().double().numpy())
    m1, m2 = np.ones_like(w1, dtype=bool), np.ones_like(w2, dtype=bool)
    for number in range(1, 101):
        behind2 = h.sum(0)
        before2 = (w1 * m1).sum(1) + b1
        s2 = w2 * m2 * np.outer(behind2, before2)
        s1 = w1 * m1 * np.outer((w2 * m2).T @ behind2, np.ones(6))
        flat = np.concatenate([np.where(m1, s1, -1).reshape(-1), np.where(m2, s2, -1).reshape(-1)])
        keep = np.zeros(len(flat), dtype=bool)
        keep[np.argsort(-flat, kind="stable")[: round(len(flat) * 0.2 ** (number / 100))]] = True
        m1, m2 = keep[: w1.size].reshape(w1.shape), keep[w1.size :].reshape(w2.shape)
    before = [p.detach().clone() for p in net.parameters()]
    method("synflow[density=0.2]").prepare(net, budget())
    assert torch.equal(kept(net), torch.from_numpy(np.concatenate([m1.reshape(-1), m2.reshape(-1)])))
    for old, new in zip(before, net.parameters(), strict=True):
        assert torch.equal(old.where(new != 0, 0), new)


def test_no_rule_by_layer_empties_a_layer():
    net = network()
    for rule in ("uniform", "erk"):
        masks = method(f"pruned[density=1e-6,layers={rule}]").best([torch.rand(4, 4), torch.rand(2, 2)])
        assert [int(mask.sum()) for mask in masks] == [1, 1]
        method(f"set[density=1e-6,layers={rule}]").fit(net, budget())
        assert {int(mask_of(layer).sum()) for layer in maskable(net).values()} == {1}


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("n-m[n=4,m=4]", "hides no weight. Choose an n below m"),
        ("n-m[m=7]", "No layer's inputs fall into groups of 7. Choose another m"),
        ("gradual[start=0.8,stop=0.5]", "ends before it begins. Give start <= stop"),
        ("lottery[each=1]", "each"),
    ],
)
def test_settings_that_would_prune_nothing_are_a_sentence(spec, sentence):
    with pytest.raises(SeesawError, match=sentence):
        method(spec).fit(network(), budget())


def test_a_step_of_rigl_that_rewires_updates_no_weight_and_its_dense_gradients_count():
    net, train, rewired, weights = network(), budget(epochs=4, batch=8), [], []
    one = method("rigl[density=0.3,every=3,stop=1]")

    class Watched(type(one)):
        def change(self, step, seed):
            weights.append({name: p.detach().clone() for name, p in step.net.named_parameters()})
            super().change(step, seed)
            rewired.append(len(step.dense_gradients))

    Watched(**one.model_dump()).fit(net, train)
    assert rewired == [2 if index and index % 3 == 0 else 0 for index in range(20)]
    for index in range(1, 19):
        moved = not all(
            torch.equal(weights[index][k], weights[index + 1][k]) for k in weights[index] if "bias" in k
        )
        assert moved == (index % 3 != 0)
    there = int(kept(net).sum())
    hidden = 48 + 40 - there
    every = [epoch.macs / (epoch.steps * 8) for epoch in train.log.epochs]
    steady = 3 * (there + 15)
    # five steps an epoch: 0-4 rewires at 3, 5-9 at 6 and 9, 10-14 at 12, 15-19 at 15 and 18
    assert every == pytest.approx([steady + hidden * share / 5 for share in (1, 2, 1, 2)])
