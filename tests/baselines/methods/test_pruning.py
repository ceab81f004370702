"""Pruning methods against independent implementations on the same weights and batch."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, hessian

from bench import Data, Method, Net, Recipe, Sample, Scale, Split, hide, mask_of, maskable
from bench.budget import Budget
from bench.method import Step
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


def test_synflow_leaves_no_layer_empty_where_magnitude_does():
    torch.manual_seed(0)
    stages = [nn.Linear(6, 40, bias=False), nn.Linear(40, 4, bias=False), nn.Linear(4, 40, bias=False)]
    net = Net(stages, Sample((6,)), 3)
    net.hang(2, nn.Linear(40, 3))
    with torch.no_grad():
        net.stages[1].weight.mul_(0.01)
    sizes = torch.cat([layer.weight.flatten().abs() for layer in maskable(net).values()])
    assert not bool(top([sizes], 0.05)[240:400].any())
    method("synflow[density=0.05]").prepare(net, budget())
    assert all(bool(mask_of(layer).any()) for layer in maskable(net).values())


def stepped(spec, index, progress):
    """A network with a mask and a gradient before and after one change."""
    net = network()
    chosen = method(spec)
    generator = torch.Generator().manual_seed(3)
    for layer in maskable(net).values():
        hide(layer, torch.rand(layer.weight.shape, generator=generator) < 0.5)
        layer.weight.grad = torch.randn(layer.weight.shape, generator=generator)
    before = {
        name: (mask_of(layer).clone(), layer.weight.detach().clone()) for name, layer in maskable(net).items()
    }
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    chosen.change(Step(net, optimizer, index, progress), 5)
    return net, before


def test_rigl_drops_the_smallest_and_grows_the_largest_gradients():
    net, before = stepped("rigl[every=10,drop=0.4]", 20, 0.3)
    share = 0.2 * (1 + math.cos(math.pi * 0.3 / 0.75))
    for name, layer in maskable(net).items():
        mask, weight = before[name]
        active = [(abs(float(weight.flatten()[n])), n) for n in mask.flatten().nonzero().flatten().tolist()]
        count = round(share * len(active))
        assert count > 0
        left = {n for _, n in sorted(active)[count:]}
        gradient = layer.weight.grad.flatten().abs().tolist()
        grown = sorted((n for n in range(mask.numel()) if n not in left), key=lambda n: -gradient[n])[:count]
        assert set(mask_of(layer).flatten().nonzero().flatten().tolist()) == left | set(grown)
        new = mask_of(layer) & ~mask
        assert bool((layer.weight[new] == 0).all())
        old = mask_of(layer) & mask
        assert torch.equal(layer.weight[old], weight[old])


def test_set_grows_as_many_as_it_drops_and_only_on_its_steps():
    net, before = stepped("set[every=10,drop=0.4]", 20, 0.3)
    changed = [bool((mask_of(layer) != before[name][0]).any()) for name, layer in maskable(net).items()]
    assert all(changed)
    for name, layer in maskable(net).items():
        assert int(mask_of(layer).sum()) == int(before[name][0].sum())
    net, before = stepped("set[every=10,drop=0.4]", 21, 0.3)
    assert all(torch.equal(mask_of(layer), before[name][0]) for name, layer in maskable(net).items())


def test_a_dynamic_method_keeps_its_density_through_training():
    net, train = network(), budget(epochs=20)
    chosen = method("rigl[density=0.3,every=7]")
    counts, masks = set(), set()

    class Watched(type(chosen)):
        def change(self, step, seed):
            super().change(step, seed)
            counts.add(int(kept(step.net).sum()))
            masks.add(tuple(kept(step.net).tolist()))

    Watched(**chosen.model_dump()).fit(net, train)
    assert len(counts) == 1
    assert len(masks) > 5
    assert train.spent == 1
    weights = torch.cat([layer.weight.flatten() for layer in maskable(net).values()])
    assert bool((weights[~kept(net)] == 0).all())


def test_the_gradual_schedule_is_zhu_and_guptas():
    net, train = network(), budget(epochs=20)
    chosen = method("gradual[density=0.2,every=5,start=0.2,stop=0.8]")
    seen = []

    class Watched(type(chosen)):
        def after_step(self, step):
            super().after_step(step)
            if step.index % 5 == 0 and step.progress >= 0.2:
                seen.append((step.progress, int(kept(step.net).sum())))

    Watched(**chosen.model_dump()).fit(net, train)
    total = sum(layer.weight.numel() for layer in maskable(net).values())
    for progress, count in seen:
        sparsity = 0.8 + (0 - 0.8) * (1 - (progress - 0.2) / 0.6) ** 3
        assert count == round(total * (1 - sparsity))
    assert int(kept(net).sum()) == round(0.2 * total)
    assert len(seen) >= 10


def test_lottery_goes_back_to_the_early_weights_and_to_fewer_of_them():
    net, train = network(), budget(epochs=5)
    starts = []
    chosen = method("lottery[density=0.5,rewind=0.2]")

    class Watched:
        seed, device = train.seed, train.device

        def __call__(self, net, share=None, **hooks):
            masks = [mask_of(layer) for layer in maskable(net).values()]
            starts.append((
                {name: p.detach().clone() for name, p in net.named_parameters()},
                [None if mask is None else int(mask.sum()) for mask in masks],
                train.at,
            ))  # fmt: skip
            train(net, share, **hooks)

        def rewind(self, progress):
            train.rewind(progress)

    chosen.fit(net, Watched())
    rounds = math.ceil(math.log(0.5) / math.log(0.8))
    assert len(starts) == 2 + rounds
    early, total = starts[1][0], 6 * 8 + 8 * 5
    for number, (weights, counts, at) in enumerate(starts[2:], 1):
        assert at == starts[1][2]
        assert sum(counts) == round(max(0.5, 0.8**number) * total)
        for name, weight in weights.items():
            assert torch.equal(weight, early[name].where(weight != 0, weight))
    assert train.spent == pytest.approx(1 + rounds * 0.8)


@pytest.mark.parametrize("of", ["snip[samples=16]", "random", "gradual[every=2]"])
def test_a_shuffled_mask_has_the_methods_counts_in_other_places(of):
    net, train = network(), budget()
    first = {name: p.detach().clone() for name, p in net.named_parameters()}
    method(f"shuffled[of={of},density=0.3]").fit(net, train)
    twin, again = network(), budget()
    chosen = method(of).model_copy(update={"density": 0.3})
    chosen.prepare(twin, again) if "gradual" not in of else chosen.fit(twin, again)
    for mine, its in zip(maskable(net).values(), maskable(twin).values(), strict=True):
        assert int(mask_of(mine).sum()) == int(mask_of(its).sum())
    assert not torch.equal(kept(net), kept(twin))
    assert train.spent == (2 if "gradual" in of else 1)
    assert all(torch.equal(first[name], p) for name, p in network().named_parameters())


def test_reinit_keeps_the_mask_and_draws_the_weights_anew():
    net, train = network(), budget(epochs=0)
    start = network()
    method("reinit[of=snip[samples=16],density=0.3]").fit(net, train)
    twin = network()
    method("snip[density=0.3,samples=16]").prepare(twin, budget())
    assert torch.equal(kept(net), kept(twin))
    for mine, old in zip(maskable(net).values(), maskable(start).values(), strict=True):
        both = mask_of(mine)
        assert not bool((mine.weight[both] == old.weight[both]).any())
        assert float(mine.weight.detach()[both].std()) < 3 * float(old.weight.detach().std())


def test_n_of_m_are_the_largest_of_their_neighbours():
    weight = torch.tensor([[1.0, -4.0, 3.0, 2.0, 0.1, 0.2, -0.3, 0.0]])
    assert method("n-m").seen(None, weight, 0).int().tolist() == [[0, 1, 1, 0, 0, 1, 1, 0]]
    kernels = torch.randn(3, 8, 3, 3)
    mask = method("n-m[n=1,m=4]").seen(None, kernels, 0)
    assert set(mask.reshape(3, 2, 4, 9).sum(2).flatten().tolist()) == {1}


def test_sr_ste_is_a_plain_loop_over_dense_weights():
    """W <- w - lr (g(masked w) + decay * hidden w), written out; SGD without momentum's first step."""
    net, train = network(), budget(epochs=1, batch=40)
    chosen = method("n-m[n=1,m=2,decay=0.1]")
    layers = list(chosen.sparse(net).values())
    assert len(layers) == 2
    start = {id(layer): layer.weight.detach().clone() for layer in layers}
    twin = network()
    with torch.no_grad():
        for layer in chosen.sparse(twin).values():
            layer.weight.mul_(chosen.seen(None, layer.weight, 0))
    loader = iter(train.data.between(train.recipe, train.seed, 0, 1).train_dataloader())
    batch = next(loader)
    F.cross_entropy(twin(batch.inputs)[-1], batch.labels).backward()
    chosen.fit(net, train)
    rate, decay = 0.05 * 0.04, train.recipe.weight_decay
    for layer, other in zip(layers, chosen.sparse(twin).values(), strict=True):
        dense = start[id(layer)]
        hidden = ~chosen.seen(None, dense, 0)
        gradient = other.weight.grad + 0.1 * dense * hidden + decay * dense
        expected = dense - rate * gradient * 1.9  # Nesterov's first step: g + 0.9 g
        mask = chosen.seen(None, expected, 0)
        assert torch.equal(mask_of(layer), mask)
        torch.testing.assert_close(layer.weight.detach(), expected * mask, atol=1e-6, rtol=1e-5)


def test_hidden_weights_come_back_under_sr_ste():
    net, train = network(), budget(epochs=30)
    chosen = method("n-m[n=1,m=2]")
    first = [chosen.seen(None, layer.weight.detach(), 0) for layer in chosen.sparse(net).values()]
    chosen.fit(net, train)
    last = [mask_of(layer) for layer in chosen.sparse(net).values()]
    assert any(not torch.equal(a, b) for a, b in zip(first, last, strict=True))
    assert all(float(mask.float().mean()) == 0.5 for mask in last)
    assert not any("dense" in name for name in net.state_dict())


def test_wanda_compares_within_an_output_by_a_loop_over_its_inputs():
    torch.manual_seed(0)
    net = Net(
        [nn.Conv2d(2, 3, 1), nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(64, 6)],
        Sample((2, 4, 4)),
        3,
    )
    net.hang(3, nn.Linear(6, 3))
    x = torch.randn(5, 2, 4, 4)

    class Lent:
        def batch(self, size):
            return x, None

    method("wanda[density=0.25]").finalize(net, Lent())
    torch.manual_seed(0)
    twin = Net(
        [nn.Conv2d(2, 3, 1), nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(64, 6)],
        Sample((2, 4, 4)),
        3,
    )
    seen = F.pad(twin.stages[0](x), (1, 1, 1, 1)).detach()
    weight = twin.stages[1].weight.detach()
    for output in range(4):
        scores = {}
        for i in range(3):
            for r in range(3):
                for c in range(3):
                    met = seen[:, i, r : r + 4, c : c + 4]
                    scores[i, r, c] = abs(float(weight[output, i, r, c])) * float(met.square().sum().sqrt())
        best = sorted(scores, key=scores.get)[-round(0.25 * 27) :]
        assert {tuple(place) for place in mask_of(net.stages[1])[output].nonzero().tolist()} == set(best)
    assert set(mask_of(net.stages[3]).sum(1).tolist()) == {16}
