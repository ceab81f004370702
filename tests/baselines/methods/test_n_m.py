"""SR-STE keeps N of M, and trains as a plain loop does.

Covers: bench/kinds/bases/straight_through.py
"""

import itertools

import pytest
import torch

from bench import mask_of, maskable
from tests.baselines.methods.plain import budget, convolutions, method, trained_plainly, weights


def groups_of(weight, n, m):
    """Of every m neighbouring inputs of one output at one tap the n largest, in plain loops."""
    mask = torch.zeros_like(weight, dtype=torch.bool)
    taps = list(itertools.product(*[range(side) for side in weight.shape[2:]]))
    for output, start, tap in itertools.product(range(weight.shape[0]), range(0, weight.shape[1], m), taps):
        sizes = {i: abs(float(weight[(output, i, *tap)])) for i in range(start, start + m)}
        for i in sorted(sizes, key=lambda i: -sizes[i])[:n]:
            mask[(output, i, *tap)] = True
    return mask


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 4), (1, 2)])
def test_training_is_a_plain_loop_of_sr_ste(n, m):
    """W <- W - lr (g(W under its mask) + decay * (what is hidden of W)), with momentum and weight decay."""
    decay, recipe = 0.3, {"schedule": "constant", "weight_decay": 0.02, "lr": 0.2, "epochs": 2}
    net, train = convolutions(), budget(shape=(2, 4, 4), **recipe)
    method(f"n-m[n={n},m={m},decay={decay}]").fit(net, train)
    history, last = trained_plainly(
        convolutions(),
        budget(shape=(2, 4, 4), **recipe),
        visible=lambda name, weight, progress: groups_of(weight, n, m),
        adjust=lambda name, weight, part, gradient: gradient + decay * weight * ~part,
    )
    assert len(train.updates) == len(history) == 10
    for moment, dense in zip(train.updates, history, strict=True):
        for name, weight in dense.items():
            torch.testing.assert_close(moment.before[name].weight, weight, atol=1e-5, rtol=1e-4)
            part = groups_of(weight, n, m)
            assert torch.equal(moment.after[name].weight != 0, part)
            torch.testing.assert_close(moment.after[name].weight, weight * part, atol=1e-5, rtol=1e-4)
    first = {name: groups_of(weight, n, m) for name, weight in weights(convolutions()).items()}
    for name, layer in maskable(net).items():
        assert torch.equal(mask_of(layer), last[name])
    assert any(not torch.equal(first[name], last[name]) for name in first)


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 8)])
def test_every_group_keeps_exactly_n_and_layers_that_m_does_not_divide_stay_dense(n, m):
    net = convolutions()
    method(f"n-m[n={n},m={m}]").fit(net, budget(shape=(2, 4, 4)))
    for layer in maskable(net).values():
        if layer.weight.shape[1] % m:
            assert mask_of(layer) is None
        else:
            counts = mask_of(layer).unflatten(1, (-1, m)).sum(2)
            assert set(counts.flatten().tolist()) == {n}
