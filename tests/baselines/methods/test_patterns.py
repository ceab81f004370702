"""PatDNN's procedure, driven through a whole training, against loops over kernels."""

from collections import Counter

import pytest
import torch
from torch import nn

from bench import Net, Sample, maskable
from tests.baselines.methods.plain import best, budget, look, method

SPEC = "patterns[patterns=3,dense=0.25,pull=0.5,rho=0.3,every=4,density={}]"
TAPS = {0.25: {9: 4, 25: 11, 1: 1}, 0.6: {9: 6, 25: 15, 1: 1}}
"""Taps that a kernel keeps: 4 of 9 and as many of 25, or as many as the density needs."""


def network():
    torch.manual_seed(6)
    stages = [
        nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 10, 3, padding=1), nn.ReLU(), nn.Conv2d(10, 6, 3, padding=1), nn.ReLU()),
        nn.Sequential(
            nn.Conv2d(6, 5, 5, padding=2), nn.ReLU(), nn.Conv2d(5, 4, 1), nn.Flatten(), nn.Linear(64, 6)
        ),
    ]
    net = Net(stages, Sample((2, 4, 4)), 3)
    net.hang(2, nn.Linear(6, 3))
    return net


def kernels(weight):
    return weight.reshape(weight.shape[0] * weight.shape[1], -1)


def sets_of(weights, taps):
    """The most frequent of all kernels' centre and largest other taps, by the size of kernels."""
    counts = {size: Counter() for size in taps}
    for weight in weights.values():
        for kernel in kernels(weight).abs().tolist():
            size = len(kernel)
            others = sorted((n for n in range(size) if n != size // 2), key=lambda n: -kernel[n])
            chosen = {size // 2, *others[: taps[size] - 1]}
            counts[size][tuple(n in chosen for n in range(size))] += 1
    return {
        size: sorted(of_size, key=lambda one: (-of_size[one], one))[:3]
        for size, of_size in counts.items()
        if size > 1 and of_size
    }


def projected(weight, sets, taps, density):
    """The nearest weight of so many kernels, each with one of the patterns: its mask, by trying every pattern."""
    rows = kernels(weight)
    size = rows.shape[1]
    if size == 1:
        return best(weight.abs(), round(density * weight.numel()))
    masks, norms = [], []
    for row in rows.double():
        tried = [(float((row[torch.tensor(one)] ** 2).sum()), one) for one in sets[size]]
        norm, one = max(tried, key=lambda pair: pair[0])
        masks.append(one)
        norms.append(norm)
    stay = best(torch.tensor(norms), round(density * size / taps[size] * len(rows)))
    return (torch.tensor(masks) & stay[:, None]).reshape(weight.shape)


@pytest.fixture(scope="module", params=[0.25, 0.6])
def trained(request):
    net, train = network(), budget(epochs=8, shape=(2, 4, 4))
    method(SPEC.format(request.param)).fit(net, train)
    return request.param, net, train


def chosen(train, density):
    """The dense training's weights, and the patterns that they choose."""
    dense = {name: train.calls[1][2][f"{name}.weight"] for name in maskable(network())}
    return dense, sets_of(dense, TAPS[density])


def test_admm_adds_the_gradient_of_its_penalty_and_updates_by_its_formula(trained):
    """Gradient rho (W - Z + U) at each step; Z <- the projection of W + U and U <- U + W - Z at each fourth."""
    density, _, train = trained
    dense, sets = chosen(train, density)
    taps, updated = TAPS[density], 0
    target = {name: weight * projected(weight, sets, taps, density) for name, weight in dense.items()}
    dual = {name: torch.zeros_like(weight) for name, weight in dense.items()}
    assert [(start, stop) for start, stop, _ in train.calls] == [(0, 10), (10, 30), (30, 40)]
    for moment in train.gradients:
        for name, before in moment.before.items():
            weight, after = before.weight, moment.after[name]
            assert torch.equal(after.weight, weight)
            if not 10 <= moment.index < 30:
                assert torch.equal(after.gradient, before.gradient)
                continue
            if moment.index % 4 == 0:
                target[name] = (weight + dual[name]) * projected(weight + dual[name], sets, taps, density)
                dual[name] = dual[name] + weight - target[name]
                updated += 1
            penalty = 0.3 * (weight - target[name] + dual[name])
            torch.testing.assert_close(after.gradient - before.gradient, penalty, atol=1e-6, rtol=1e-5)
            assert float(penalty.abs().max()) > 1e-3
    assert updated == 5 * len(dense)


def test_nothing_is_hidden_before_the_pull_has_ended(trained):
    _, _, train = trained
    for moment in train.updates:
        hidden = [seen.mask is not None for seen in moment.after.values()]
        assert all(hidden) if moment.index >= 30 else not any(hidden)


def test_the_masks_are_the_projection_of_what_the_pull_came_to(trained):
    density, net, train = trained
    _, sets = chosen(train, density)
    state = train.calls[2][2]
    ended = next(moment for moment in train.updates if moment.index == 29).after
    for name, seen in look(net).items():
        expected = projected(ended[name].weight, sets, TAPS[density], density)
        assert torch.equal(seen.mask, expected), name
        assert torch.equal(state[f"{name}.weight"], ended[name].weight.where(expected, 0)), name


def test_every_kernel_has_one_of_the_patterns_and_counts_are_exact(trained):
    density, net, train = trained
    _, sets = chosen(train, density)
    for name, seen in look(net).items():
        rows = kernels(seen.mask)
        size = rows.shape[1]
        if size == 1:
            assert int(rows.sum()) == round(density * rows.numel())
            continue
        patterns = {tuple(row) for row in rows.tolist() if any(row)}
        assert patterns <= set(sets[size]), name
        assert all(sum(one) == TAPS[density][size] and one[size // 2] for one in patterns)
        stay = int(rows.any(1).sum())
        assert stay == round(density * size / TAPS[density][size] * len(rows))
        assert int(rows.sum()) == stay * TAPS[density][size]


def test_the_pull_leaves_less_outside_the_patterns_than_training_alone():
    def outside(rho):
        net, train = network(), budget(epochs=8, shape=(2, 4, 4))
        method(f"patterns[density=0.25,every=4,rho={rho}]").fit(net, train)
        start = train.calls[2][0] - 1
        ended = next(moment for moment in train.updates if moment.index == start).after
        return sum(float(ended[name].weight[~seen.mask].square().sum()) for name, seen in look(net).items())

    assert outside(0.5) < 0.5 * outside(1e-6)
