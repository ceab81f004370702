"""The cost of dense weight gradients, and stages that make tensors of their own; `tests/bench/measuring/meters/test_macs.py` holds all other counts."""

import pytest
import torch
from torch import nn

from bench import Net, Sample, SeesawError, hide
from bench.network.macs import StepCost, count


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


class Placed(nn.Linear):
    """Adds to each number its place, which it makes anew in every pass."""

    def forward(self, x):
        return super().forward(x + torch.arange(x.shape[-1]) * torch.ones(1))


class Sparse(nn.Linear):
    """Multiplies by a matrix in a layout that no meta tensor has."""

    def forward(self, x):
        return torch.sparse.mm(self.weight.to_sparse(), x.T).T


def with_stage(stage):
    made = Net([stage], Sample((4,)), 2)
    made.hang(0, nn.Linear(6, 2))
    return made


def test_a_stage_that_makes_a_tensor_while_it_runs_is_counted():
    assert count(with_stage(Placed(4, 6))).parts == {"stages.0": 24, "heads.0": 12}


def test_a_stage_that_needs_numbers_is_a_sentence():
    with pytest.raises(SeesawError, match=r"shapes alone, and stages\.0 needs numbers"):
        count(with_stage(Sparse(4, 6)))
