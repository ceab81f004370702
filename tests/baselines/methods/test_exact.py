"""Hidden weights are exactly zero after every update of every method, and so is what the optimiser keeps of them."""

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from bench import masked
from bench.plugins.plugin import entries
from tests.baselines.methods.plain import budget, convolutions, method

OFTEN = {
    "gradual": "every=2",
    "set": "every=2",
    "rigl": "every=2",
    "patterns": "every=2",
    "lottery": "each=0.5",
}
"""Settings that let masks change within a short training."""
AT_THE_END = {"wanda", "movement", "n-m"}
NO_MASKS = {"dense", "narrow", "monarch"}


def spec(name):
    fields = type(method(name)).model_fields
    settings = {"density": "density=0.25", "nearest": "nearest=true"}
    words = [OFTEN.get(name), *(word for field, word in settings.items() if field in fields)]
    return f"{name}[{','.join(filter(None, words))}]".removesuffix("[]")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("name", sorted(set(entries("method")) - NO_MASKS))
def test_momentum_and_weight_decay_move_no_hidden_weight(name, optimizer):
    """Looked at after each update, before any hook of the method could clear what it left."""
    net, looked, moved = convolutions(), 0, 0
    train = budget(epochs=2, shape=(2, 4, 4), optimizer=optimizer, weight_decay=0.1)

    def watch(optimizer, args, kwargs):
        nonlocal looked, moved
        for _, layer, mask in masked(net):
            hidden = layer.weight.detach()[~mask]
            assert bool((hidden == 0).all())
            assert not bool(torch.signbit(hidden).any())
            kept = [one for one in optimizer.state[layer.weight].values() if one.shape == mask.shape]
            assert kept
            for one in kept:
                assert bool((one[~mask] == 0).all())
                moved += int((one[mask] != 0).sum())
            looked += 1

    handle = register_optimizer_step_post_hook(watch)
    try:
        method(spec(name)).fit(net, train)
    finally:
        handle.remove()
    assert (looked == 0) == (name in AT_THE_END)
    assert (moved == 0) == (name in AT_THE_END)
    masks = list(masked(net))
    assert any(not bool(mask.all()) for _, _, mask in masks)
    for _, layer, mask in masks:
        assert bool((layer.weight[~mask] == 0).all())
        assert not bool(torch.signbit(layer.weight[~mask]).any())


def test_every_method_is_looked_at():
    assert NO_MASKS | AT_THE_END | set(OFTEN) <= set(entries("method"))
