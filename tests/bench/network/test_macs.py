"""The cost of dense weight gradients; `tests/bench/measuring/meters/test_macs.py` holds all other counts."""

import pytest
import torch
from torch import nn

from bench import Net, Sample, hide
from bench.network.macs import StepCost


def net(length=5):
    """Two layers of 24 and 8 weights, each used at `length` places."""
    net = Net([nn.Linear(4, 6)], Sample((length, 4)), 2)
    net.hang(0, nn.Linear(6, 2))
    return net


@pytest.mark.parametrize("length", [5, 7])
def test_a_dense_gradient_costs_the_products_of_the_weights_that_do_not_exist(length):
    one = net()
    cost, layer, head = StepCost(one, one.parameters()).at((length, 4)), one.stages[0], one.head(0)
    hide(layer, torch.arange(24).reshape(6, 4) < 6)
    assert cost.now() == length * 3 * (6 + 12)
    assert cost.beyond([(layer, 0.25)]) == length * 18
    assert cost.beyond([(layer, 0.25), (head, 0.5), (head, 1.0)]) == length * (18 + 6)
    assert cost.beyond([]) == 0
