import pytest
import torch

from bench import maskable
from tests.baselines.methods.plain import budget, convolutions, cross_entropy, look, method, spread

SHAPE = (2, 4, 4)


def played(spec, **settings):
    labels = []

    def loss(logits, y, progress):
        labels.append(tuple(y.tolist()))
        return cross_entropy(logits, y, progress)

    net, train = convolutions(), budget(shape=SHAPE, loss=loss, **settings)
    method(spec).fit(net, train)
    return net, train, labels


def flat(state, names, what):
    return torch.cat([state[f"{name}.{what}"].flatten() for name in names])


@pytest.mark.parametrize("rewind", [0, 0.25])
@pytest.mark.parametrize("layers", ["global", "uniform", "erk"])
def test_every_round_restarts_survivors_at_the_early_weights_exactly(rewind, layers):
    """Densities 0.5, 0.25, 0.125 and 0.1: each round keeps the largest trained weights, nothing else of training."""
    net, train, _ = played(f"lottery[density=0.1,each=0.5,rewind={rewind},layers={layers}]")
    names, first = list(maskable(net)), round(rewind * train.steps)
    assert [(start, stop) for start, stop, _ in train.calls] == (
        [(0, first)] * (first > 0) + [(first, train.steps)] * 5
    )
    if rewind == 0:
        early = convolutions().state_dict()
    else:
        early = train.calls[1][2]
        assert not torch.equal(early["stages.0.0.weight"], convolutions().state_dict()["stages.0.0.weight"])
    trained = [moment.after for moment in train.updates if moment.index == train.steps - 1]
    rounds = train.calls[-4:]
    before = torch.ones_like(flat(early, names, "weight"), dtype=torch.bool)
    for density, (_, _, state), ended in zip([0.5, 0.25, 0.125, 0.1], rounds, trained, strict=False):
        mask = flat(state, names, "weight_mask")
        sizes = [ended[name].weight.abs() for name in names]
        assert torch.equal(mask, spread(sizes, density, layers))
        if layers != "erk":
            assert abs(int(mask.sum()) - density * len(mask)) <= 0.5 * len(names)
        if layers == "global":
            assert int(mask.sum()) == round(density * len(mask))
        assert bool((before | ~mask).all())  # what is gone stays away
        before = mask
        for name, tensor in early.items():
            hidden = state.get(f"{name}_mask", torch.ones_like(tensor, dtype=torch.bool))
            assert torch.equal(state[name], tensor.where(hidden, torch.zeros_like(tensor))), name
        assert bool((flat(state, names, "weight")[mask] != 0).all())


def test_the_schedule_and_the_order_of_data_restart_too():
    _, train, labels = played("lottery[density=0.25,each=0.5,rewind=0.25]")
    first, last = train.steps // 4, train.steps
    assert [moment.index for moment in train.updates] == [
        *range(last),
        *range(first, last),
        *range(first, last),
    ]
    assert all(moment.progress == moment.index / last for moment in train.updates)
    once = labels[first:last]
    assert labels[last:] == once * 2
    assert len(set(once)) > len(once) // 2  # the batches tell the steps apart
    assert train.spent == 1 + 2 * 0.75


@pytest.mark.parametrize(
    ("density", "rounds"), [(1, 0), (0.8, 1), (0.79, 2), (0.64, 2), (0.512, 3), (0.125, 10)]
)
def test_as_many_rounds_as_a_fifth_each_time_takes(density, rounds):
    """Counted out: multiply by 0.8 until the density is met."""
    _, train, _ = played(f"lottery[density={density},rewind=0]", epochs=1, batch=40)
    assert len(train.calls) == 1 + rounds
    assert sum(moment.index == 0 for moment in train.updates) == 1 + rounds


def test_the_mask_of_the_last_round_stays_and_its_weights_have_trained():
    net, train, _ = played("lottery[density=0.25,each=0.5,rewind=0.25]")
    state = train.calls[-1][2]
    for name, seen in look(net).items():
        assert torch.equal(seen.mask, state[f"{name}.weight_mask"])
        assert bool((seen.weight[~seen.mask] == 0).all())
        assert bool((seen.weight != state[f"{name}.weight"])[seen.mask].all())
