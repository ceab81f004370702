import torch
from torch import nn

from bench import hide
from bench.network.sparse.keep import Keeper


def step(layer, optimizer, keeper):
    optimizer.zero_grad()
    layer(torch.ones(3, 4)).square().sum().backward()
    keeper.keep(optimizer)
    optimizer.step()


def test_hidden_weights_and_their_optimiser_state_stay_zero():
    layer = nn.Linear(4, 2)
    optimizer, keeper = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.1), Keeper(layer)
    step(layer, optimizer, keeper)
    mask = torch.tensor([[True, False, True, False], [False, True, True, True]])
    hide(layer, mask)
    for _ in range(3):
        step(layer, optimizer, keeper)
        assert torch.equal(layer.weight != 0, mask)
        assert all(
            torch.equal(optimizer.state[layer.weight][name] != 0, mask) for name in ("exp_avg", "exp_avg_sq")
        )


def test_a_weight_that_comes_back_begins_without_momentum():
    layer = nn.Linear(4, 2)
    optimizer, keeper = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9), Keeper(layer)
    first = torch.arange(4).expand(2, 4) < 2
    step(layer, optimizer, keeper)
    hide(layer, first)
    step(layer, optimizer, keeper)
    hide(layer, ~first)
    step(layer, optimizer, keeper)
    momentum, gradient = optimizer.state[layer.weight]["momentum_buffer"], layer.weight.grad
    assert torch.equal(momentum[:, 2:], gradient[:, 2:])
    assert torch.equal(momentum[:, :2], torch.zeros(2, 2))
