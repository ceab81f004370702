"""Walks in a batch against a plain loop over single samples; `test_net` and `test_linked` walk whole networks."""

import pytest
import torch
from torch import nn

from bench.network.walk import walk


def stretches():
    torch.manual_seed(0)
    layers, heads = (
        nn.ModuleList(nn.Linear(4, 4) for _ in range(3)),
        nn.ModuleList(nn.Linear(4, 3) for _ in range(3)),
    )

    def stretch(number):
        def run(x):
            with torch.no_grad():
                x = layers[number](x).tanh()
                return [x, heads[number](x)]

        return run

    return [stretch(number) for number in range(3)]


def leave(history):
    """By the sum of all largest logits so far, so that a wrong regrouping shows."""
    return history.amax(-1).sum(0) > 0.8


def by_hand(parts, x):
    history = []
    for number, part in enumerate(parts):
        x, logits = part(x)
        history.append(logits)
        if sum(float(one.max()) for one in history) > 0.8 or number == len(parts) - 1:
            return number, logits[0]


@pytest.mark.parametrize("count", [1, 2, 40])
def test_each_sample_walks_as_it_would_alone(count):
    x, parts = torch.randn(count, 4, generator=torch.Generator().manual_seed(3)), stretches()
    exits, logits = walk(parts, x, leave)
    expected = [by_hand(parts, one[None]) for one in x]
    assert exits.tolist() == [number for number, _ in expected]
    torch.testing.assert_close(logits, torch.stack([one for _, one in expected]))
    assert count < 40 or set(exits.tolist()) == {0, 1, 2}
