"""Pruning methods against independent implementations on the same weights and batch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, hessian

from bench import Data, Method, Net, Recipe, Sample, Scale, SeesawError, Split, mask_of, maskable
from bench.budget import Budget
from bench.plugin import choose

CPU = torch.device("cpu")


def cross_entropy(logits, labels, progress):
    return F.cross_entropy(logits[-1], labels)


def network(norm=False):
    torch.manual_seed(4)
    first = [nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh()] if norm else [nn.Linear(6, 8), nn.Tanh()]
    net = Net([nn.Sequential(*first), nn.Sequential(nn.Linear(8, 5), nn.Tanh())], Sample((6,)), 3)
    net.hang(1, nn.Linear(5, 3))
    return net


def budget(epochs=4, batch=8):
    generator = torch.Generator().manual_seed(2)
    split = Split(torch.randn(40, 6, generator=generator), torch.arange(40) % 3)
    data = Data(split, split, split, Scale((0.0,), (1.0,)))
    return Budget(data, Recipe(epochs=epochs, batch=batch, lr=0.05), cross_entropy, 7, CPU)


def method(spec):
    return choose(Method, spec).plugin


def kept(net):
    return torch.cat([mask_of(layer).flatten() for layer in maskable(net).values()])


def top(scores, density):
    """The largest scores by a plain sort."""
    flat = np.concatenate([np.asarray(score.detach()).reshape(-1) for score in scores])
    found = np.zeros(len(flat), dtype=bool)
    found[np.argsort(-flat, kind="stable")[: round(density * len(flat))]] = True
    return torch.from_numpy(found)


@pytest.mark.parametrize("norm", [False, True])
def test_snip_is_the_derivative_by_a_gate_on_every_weight(norm):
    net, train = network(norm), budget()
    x, y = train.batch(16)
    gates = {name: torch.ones_like(layer.weight, requires_grad=True) for name, layer in maskable(net).items()}
    weights = {
        f"{name}.weight": gate * net.get_parameter(f"{name}.weight").detach() for name, gate in gates.items()
    }
    twin = network(norm).train()
    F.cross_entropy(functional_call(twin, weights, (x,))[-1], y).backward()
    expected = top([gate.grad.abs() for gate in gates.values()], 0.3)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    method("snip[density=0.3,samples=16]").prepare(net, train)
    assert torch.equal(kept(net), expected)
    for name, tensor in before.items():
        if "running" in name:
            assert torch.equal(net.state_dict()[name], tensor)


def test_grasp_is_the_whole_hessian_times_the_gradient():
    net, train = network(), budget()
    x, y = train.batch(24)
    names = [f"{name}.weight" for name in maskable(net)]
    shapes = [net.get_parameter(name).shape for name in names]
    start = torch.cat([net.get_parameter(name).detach().flatten() for name in names]).double()
    twin = network().double()

    def loss(flat):
        parts = flat.split([shape.numel() for shape in shapes])
        weights = {name: part.reshape(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
        return F.cross_entropy(functional_call(twin, weights, (x.double(),))[-1] / 200, y)

    gradient, second = torch.func.grad(loss)(start), hessian(loss)(start)
    score = -start * (second @ gradient)
    expected = top([-score], 0.4)
    method("grasp[density=0.4,samples=24]").prepare(net, train)
    assert torch.equal(kept(net), expected)


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
            rewired.append(len(step.asked))

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


def test_reinit_leaves_a_lone_weight_a_number():
    net = Net([nn.Linear(1, 1), nn.Linear(1, 4)], Sample((1,)), 3)
    net.hang(1, nn.Linear(4, 3))
    train = budget()
    train.steps = 0
    method("reinit[of=random[density=0.5]]").fit(net, train)
    assert all(bool(torch.isfinite(p).all()) for p in net.parameters())
