import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench import SeesawError, density, hide, largest, layers, mask_of, masked, parameters


def test_a_hidden_weight_is_zero_and_not_counted():
    layer = nn.Linear(4, 2)
    mask = torch.tensor([[1, 0, 0, 1], [0, 0, 1, 0]], dtype=torch.bool)
    hide(layer, mask)
    assert bool((layer.weight[~mask] == 0).all())
    assert torch.equal(mask_of(layer), mask)
    assert density(layer) == 3 / 8
    assert parameters(layer) == 3 + 2


def test_a_mask_can_be_replaced_and_outlives_a_copy_and_a_checkpoint():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Linear(4, 2))
    hide(net[1], torch.eye(2, 4, dtype=torch.bool))
    hide(net[1], torch.eye(2, 4, dtype=torch.bool).flip(0))
    twin = copy.deepcopy(net)
    assert [name for name, _, _ in masked(twin)] == ["1"]
    hide(twin[1], torch.ones(2, 4, dtype=torch.bool))
    twin.load_state_dict(net.state_dict())
    assert torch.equal(mask_of(twin[1]), mask_of(net[1]))
    assert list(layers(net)) == ["0", "1"]


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(SeesawError, match=r"\(2, 3\) does not fit.*\(2, 4\)"):
        hide(nn.Linear(4, 2), torch.ones(2, 3))


def test_the_gradient_of_a_hidden_weight_is_the_dense_gradient():
    layer = nn.Linear(3, 1, bias=False)
    hide(layer, torch.tensor([[True, False, True]]))
    layer(torch.tensor([[1.0, 2.0, 3.0]])).sum().backward()
    assert layer.weight.grad.tolist() == [[1.0, 2.0, 3.0]]


@given(
    st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=9), min_size=1, max_size=4),
    st.floats(0, 1),
)
def test_largest_keeps_exactly_as_many_as_a_sort_would(rows, share):
    scores = [torch.tensor(row, dtype=torch.float32) for row in rows]
    flat = [value for row in rows for value in row]
    count = round(share * len(flat))
    order = sorted(range(len(flat)), key=lambda place: (-flat[place], place))[:count]
    kept = torch.cat(largest(scores, share)).nonzero().flatten().tolist()
    assert kept == sorted(order)


def test_largest_takes_nan_for_smallest():
    (kept,) = largest([torch.tensor([float("nan"), 1.0, 0.0])], 2 / 3)
    assert kept.tolist() == [False, True, True]
