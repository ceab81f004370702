import copy

import pytest
import torch
from torch import nn

from bench import Net, Sample, layers, mask_of, maskable
from bench.network.sparse.mask import pattern_of
from tests.baselines.methods.plain import beyond_chance, budget, convolutions, method

OF = ["snip[density=0.2]", "synflow[density=0.3,rounds=5]", "random[density=0.3,layers=erk]"]
TRAINED = ["pruned[density=0.3,layers=erk,heads=true]", "set[density=0.3,every=4]"]


def masks_in(net):
    return {name: mask_of(layer) for name, layer in layers(net).items() if mask_of(layer) is not None}


def masks(spec, seed=7):
    net = convolutions()
    method(spec).fit(net, budget(shape=(2, 4, 4), seed=seed))
    return masks_in(net)


@pytest.mark.parametrize("of", OF + TRAINED)
def test_every_layer_has_the_other_methods_count_at_other_places(of):
    theirs, ours = masks(of), masks(f"shuffled[of={of}]")
    assert list(ours) == list(theirs)
    for name, mask in theirs.items():
        assert int(ours[name].sum()) == int(mask.sum()), name
        assert abs(beyond_chance(ours[name], mask)) < 5, name
    assert any(not torch.equal(ours[name], mask) for name, mask in theirs.items())


@pytest.mark.parametrize("of", OF + TRAINED)
def test_training_starts_at_the_runs_own_weights_under_the_shuffled_mask(of):
    net, train = convolutions(), budget(shape=(2, 4, 4))
    method(f"shuffled[of={of}]").fit(net, train)
    start, stop, state = train.calls[-1]
    assert (start, stop) == (0, train.steps)
    for name, tensor in convolutions().state_dict().items():
        mask = state.get(f"{name}_mask")
        expected = tensor if mask is None else tensor.where(mask, 0)
        assert torch.equal(state[name], expected), name
    for name, mask in masks_in(net).items():
        assert torch.equal(state[f"{name}.weight_mask"], mask), name
        assert not torch.equal(layers(net)[name].weight, state[f"{name}.weight"])  # and then it trained
    assert train.spent == (2 if of in TRAINED else 1)


def test_the_seed_decides_the_order_and_no_two_layers_share_one():
    of = "shuffled[of=pruned[density=0.5,layers=uniform,at=0.001]]"
    one, same, other = masks(of), masks(of), masks(of, seed=8)
    for name in one:
        assert torch.equal(one[name], same[name])
        assert not torch.equal(one[name], other[name])
    net = Net([nn.Linear(6, 6), nn.Linear(6, 6)], Sample((6,)), 3)
    net.hang(1, nn.Linear(6, 3))
    net.stages[1].load_state_dict(net.stages[0].state_dict())
    method(of).fit(net, budget(epochs=1))
    first, second = masks_in(net).values()
    assert not torch.equal(first, second)


def test_a_shuffled_pattern_is_none_that_a_line_could_make_again():
    net = convolutions()
    method("shuffled[of=sparse[density=0.25]]").fit(net, budget(shape=(2, 4, 4)))
    assert all(pattern_of(layer) is None for layer in maskable(net).values())
    assert {name: float(mask.double().mean()) for name, mask in masks_in(net).items()} == dict.fromkeys(
        maskable(net), 0.25
    )


def test_its_density_stands_for_the_other_methods():
    assert all(
        2 * int(mask.sum()) == mask.numel()
        for mask in masks("shuffled[of=pruned[layers=uniform],density=0.5]").values()
    )


def test_layers_in_groups_are_shuffled_too_where_the_method_masks_them():
    stages = [nn.Conv2d(2, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 1)]
    net = Net(stages, Sample((2, 4, 4)), 3)
    net.hang(3, nn.Sequential(nn.Flatten(), nn.Linear(16, 3)))
    twin = copy.deepcopy(net)
    method("filters[density=0.5]").fit(twin, budget(shape=(2, 4, 4)))
    method("shuffled[of=filters[density=0.5]]").fit(net, budget(shape=(2, 4, 4)))
    counts = {name: int(mask.sum()) for name, mask in masks_in(twin).items()}
    assert "stages.2" in counts
    assert {name: int(mask.sum()) for name, mask in masks_in(net).items()} == counts


def test_masks_that_the_weights_came_with_are_not_taken_for_the_methods():
    net = convolutions()
    method("random[density=0.75]").prepare(net, budget(shape=(2, 4, 4)))
    method("shuffled[of=pruned[density=0.25,layers=uniform]]").fit(net, budget(shape=(2, 4, 4)))
    assert {float(mask.double().mean()) for mask in masks_in(net).values()} == {0.25}
