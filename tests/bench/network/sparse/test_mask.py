import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench import SeesawError, density, hide, largest, layers, mask_of, masked, parameters
from bench.network.sparse.mask import sharing


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


def tied():
    """Two layers of one weight, 8 x 8, of which each hides a quarter of its own, and an embedding of that weight."""
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8), nn.Embedding(8, 8))
    net[1].weight = net[2].weight = net[0].weight
    for layer, column in ((net[0], 0), (net[1], 2)):
        hide(layer, torch.arange(8).expand(8, 8) // 2 != column // 2)
    return net


def test_weights_that_layers_share_count_once_and_exist_where_no_layer_hides_them():
    net = tied()
    one, other = layers(net).values()
    assert sharing(net) == {"0": (one, other), "1": (one, other)}
    assert parameters(net) == 32 + 16
    assert (density(one), density(one, other)) == (0.75, 0.5)
    assert int(mask_of(one, other).sum()) == int((one.weight != 0).sum()) == 32


def test_layers_that_share_one_mask_hide_its_weights_once():
    net = nn.Sequential(nn.Linear(12, 8, bias=False), nn.Linear(12, 8, bias=False))
    net[1].weight = net[0].weight
    mask = torch.arange(96).reshape(8, 12) % 24 < 13
    for layer in net:
        hide(layer, mask)
    assert parameters(net) == 52


def test_a_density_is_no_rounded_mean():
    layer = nn.Linear(5000, 5000, bias=False)
    hide(layer, torch.arange(25_000_000).reshape(5000, 5000) != 0)
    assert density(layer) == 24_999_999 / 25_000_000
