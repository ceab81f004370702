"""What SET and RigL share: when masks change, how many weights go and which; and where SET's grow."""

import math

import pytest
import torch

from tests.baselines.methods.plain import (
    best,
    beyond_chance,
    budget,
    convolutions,
    erk,
    look,
    method,
    weights,
)

SPEC = "{}[density=0.3,every=3,drop=0.5,stop=0.7,layers={}]"
SHAPE = (2, 4, 4)


def trained(name, rule="erk", seed=7, epochs=8):
    """Forty steps, with a change at each third until the twenty-eighth."""
    net, train = convolutions(), budget(epochs=epochs, shape=SHAPE, seed=seed)
    method(SPEC.format(name, rule)).fit(net, train)
    return net, train


def changes(train, drop=0.5, stop=0.7):
    """Of every layer at every change: before and after it, how many weights go, and which stay, by a plain sort."""
    for moment in train.gradients:
        for name, before in moment.before.items():
            if moment.index and moment.index % 3 == 0 and moment.index < stop * train.steps:
                share = drop / 2 * (1 + math.cos(math.pi * moment.index / (stop * train.steps)))
                count = round(share * int(before.mask.sum()))
                gone = best(-before.weight.abs().masked_fill(~before.mask, torch.inf), count)
                yield moment.index, name, before, moment.after[name], count, before.mask & ~gone


@pytest.mark.parametrize("name", ["set", "rigl"])
@pytest.mark.parametrize("rule", ["erk", "uniform"])
def test_every_layers_count_is_exact_at_every_step(name, rule):
    _, train = trained(name, rule)
    shapes = [weight.shape for weight in weights(convolutions()).values()]
    shares = erk(shapes, 0.3) if rule == "erk" else [0.3] * len(shapes)
    expected = [round(share * math.prod(shape)) for share, shape in zip(shares, shapes, strict=True)]
    assert len(train.gradients) == 40
    for moment in train.gradients + train.updates:
        for seen in (moment.before, moment.after):
            assert [int(one.mask.sum()) for one in seen.values()] == expected


@pytest.mark.parametrize("name", ["set", "rigl"])
def test_masks_change_at_the_steps_asked_for_and_at_no_others(name):
    net, train = trained(name)
    changed = {index for index, _, before, after, _, _ in changes(train) if (before.mask != after.mask).any()}
    assert changed == {3, 6, 9, 12, 15, 18, 21, 24}  # at 27 the cosine has fallen to less than a weight
    last = train.gradients[0].before
    for gradients, updates in zip(train.gradients, train.updates, strict=True):
        for layer, seen in gradients.before.items():
            assert torch.equal(seen.mask, last[layer].mask)
            if gradients.index not in changed:
                assert torch.equal(gradients.after[layer].mask, seen.mask)
            assert torch.equal(updates.after[layer].mask, gradients.after[layer].mask)
        last = updates.after
    assert all(torch.equal(seen.mask, last[layer].mask) for layer, seen in look(net).items())


@pytest.mark.parametrize("name", ["set", "rigl"])
def test_the_smallest_weights_go_and_the_share_falls_as_a_cosine(name):
    _, train = trained(name)
    gone = {}
    for _, layer, before, after, count, stay in changes(train):
        assert bool((after.mask | ~stay).all())  # what is larger stays
        grown = after.mask & ~stay
        assert int(grown.sum()) == count
        assert torch.equal(after.weight[stay], before.weight[stay])
        gone.setdefault(layer, []).append(count)
    for counts in gone.values():
        assert counts == sorted(counts, reverse=True)
        assert counts[0] > 4 * counts[-2]


@pytest.mark.parametrize("name", ["set", "rigl"])
def test_a_weight_that_comes_to_exist_starts_at_zero_without_momentum(name):
    """Its first update is that of SGD's first step: the momentum is the gradient alone, for decay of zero is zero.

    RigL's first update comes a step later, for the step that rewires updates nothing.
    """
    _, train = trained(name)
    gradients = {moment.index: moment.after for moment in train.gradients}
    updates, seen = {moment.index: moment for moment in train.updates}, 0
    for index, layer, before, after, _, _ in changes(train):
        new = after.mask & ~before.mask
        assert bool((after.weight[new] == 0).all())
        first = index + (name == "rigl")
        (momentum,) = updates[first].state[layer]
        assert torch.equal(momentum[new], gradients[first][layer].gradient[new])
        assert bool((momentum[~after.mask] == 0).all())
        assert bool((updates[index].before[layer].weight[~after.mask] == 0).all())
        seen += int(new.sum())
    assert seen > 100


def test_set_grows_blindly_among_the_places_that_are_free():
    """Where grown places stand among the free ones by gradient and by place is uniform: half, on average."""
    ranks, ever = {"gradient": [], "place": []}, {}
    _, train = trained("set", epochs=40)
    for _, layer, before, after, _, stay in changes(train):
        free, grown = ~stay.flatten(), (after.mask & ~stay).flatten()
        keys = {"gradient": before.gradient.flatten().abs(), "place": torch.arange(len(free)).float()}
        for name, key in keys.items():
            order = key[free].argsort().argsort() / (int(free.sum()) - 1)
            ranks[name] += order[grown[free]].tolist()
        ever[layer] = ever.get(layer, torch.zeros_like(free)) | grown
    for name, places in ranks.items():
        assert len(places) > 1000
        assert abs(sum(places) / len(places) - 0.5) < 5 * 0.29 / len(places) ** 0.5, name
    assert all(float(one.float().mean()) > 0.6 for one in ever.values())  # and not the same places each time


@pytest.mark.parametrize("name", ["set", "rigl"])
def test_first_masks_are_drawn_by_the_seed_and_not_by_size(name):
    first = [trained(name, seed=seed, epochs=1)[1].calls[0][2] for seed in (7, 7, 8)]
    for layer, weight in weights(convolutions()).items():
        one, same, other = (state[f"{layer}.weight_mask"] for state in first)
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
        assert abs(beyond_chance(one, best(weight.abs(), int(one.sum())))) < 4
