import pytest
import torch

from bench import Net, Sample, layers
from tests.baselines.methods.plain import budget, convolutions, look, method

SHAPE = (2, 4, 4)


def begun(spec, net=None, seed=7):
    """What training begins with: the state of the network at the last call of `train`."""
    net = net or convolutions()
    train = budget(shape=net.sample.shape, seed=seed)
    method(spec).fit(net, train)
    return train.calls[-1][2]


@pytest.mark.parametrize("of", ["snip[density=0.25]", "pruned[density=0.25,layers=erk]"])
def test_the_masks_are_the_other_methods_own(of):
    net, other = convolutions(), convolutions()
    method(f"reinit[of={of}]").fit(net, budget(shape=SHAPE))
    method(of).fit(other, budget(shape=SHAPE))
    for name, seen in look(other).items():
        assert torch.equal(look(net)[name].mask, seen.mask), name


def wide():
    """Layers large enough that a deviation is known to a percent, each with another scale."""
    torch.manual_seed(9)
    stages = [
        torch.nn.Sequential(torch.nn.Linear(6, 400), torch.nn.Tanh()),
        torch.nn.Sequential(torch.nn.Linear(400, 90), torch.nn.BatchNorm1d(90)),
    ]
    net = Net(stages, Sample((6,)), 80)
    net.hang(1, torch.nn.Linear(90, 80))
    net.stages[1][0].weight.data.mul_(7).add_(2)
    return net


def test_weights_have_the_values_that_their_own_rule_gave_at_other_places():
    before = wide().state_dict()
    state = begun("reinit[of=pruned[density=0.5,layers=uniform,at=0.001]]", wide())
    for name in layers(wide()):
        old, new = before[f"{name}.weight"], state[f"{name}.weight"]
        mask = state.get(f"{name}.weight_mask", torch.ones_like(old, dtype=torch.bool))
        assert bool((new[~mask] == 0).all())
        assert bool(torch.isin(new[mask], old).all())
        if bool(mask.all()):
            assert torch.equal(new.flatten().sort().values, old.flatten().sort().values)
        alike = torch.corrcoef(torch.stack([old[mask], new[mask]]))[0, 1]
        assert abs(float(alike)) < 5 / int(mask.sum()) ** 0.5, name


def test_biases_and_normalisation_start_where_they_would():
    before, state = wide().state_dict(), begun("reinit[of=snip]", wide())
    kept = [name for name, tensor in before.items() if tensor.dim() < 2]
    assert len(kept) == 8
    assert all(torch.equal(before[name], state[name]) for name in kept)


def test_the_first_convolution_and_the_heads_are_drawn_anew_too():
    before, state = convolutions().state_dict(), begun("reinit[of=snip]")
    for name in ("stages.0.0.weight", "heads.1.1.weight", "heads.2.weight"):
        assert float((before[name] == state[name]).float().mean()) < 0.2, name


def test_the_seed_decides_and_layers_of_one_shape_differ():
    one, same, other = (begun("reinit[of=snip]", seed=seed) for seed in (7, 7, 8))
    assert torch.equal(one["heads.2.weight"], same["heads.2.weight"])
    assert not torch.equal(one["heads.2.weight"], other["heads.2.weight"])
    drawn = [one[name].flatten()[:20] for name in ("stages.0.0.weight", "heads.1.1.weight", "heads.2.weight")]
    scaled = [part / part.abs().max() for part in drawn]
    assert not torch.allclose(scaled[0], scaled[1], atol=0.05)
    assert not torch.allclose(scaled[1], scaled[2], atol=0.05)


def test_a_layer_of_one_weight_stays_a_number():
    net = Net([torch.nn.Linear(6, 4), torch.nn.Linear(4, 1)], Sample((6,)), 3)
    net.hang(1, torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 3)))
    state = begun("reinit[of=snip[density=0.5]]", net)
    assert bool(torch.isfinite(state["heads.1.0.weight"]).all())
