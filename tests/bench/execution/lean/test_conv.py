"""Convolutions that are trained on the weights that exist, against dense training with the gradient masked."""

import copy
import json

import pytest
import torch
from torch import nn

from bench import hide, mask_from
from bench.execution.lean.conv import PackedConv, fastest_product
from bench.execution.lean.products import PRODUCTS, Scattered
from bench.execution.program.choices import choices


def layer_of(spec="shared[density=0.25,outputs=4]", shape=(16, 8, 3, 3), **more):
    layer = nn.Conv2d(shape[1], shape[0], shape[2:], **({"padding": shape[2] // 2} | more))
    hide(layer, mask_from(f"{spec}@1", shape), f"{spec}@1")
    return layer


def product_of(name, layer):
    product = PRODUCTS[name].of(layer)
    assert product is not None, name
    return product


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-2),
        lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=1e-2),
    ],
)
def test_training_goes_as_with_a_mask_and_the_state_of_the_optimiser_is_small(product, optimizer):
    layer = layer_of()
    packed = PackedConv(copy.deepcopy(layer), product_of(product, layer))
    x, target = torch.randn(12, 8, 6, 5), torch.randn(12, 16, 6, 5)
    for module in (layer, packed):
        steps = optimizer(module.parameters())
        for _ in range(15):
            steps.zero_grad()
            (module(x) - target).square().mean().backward()
            if module is layer:
                layer.weight.grad *= layer.weight_mask
            steps.step()
    torch.testing.assert_close(packed.weight(), layer.weight, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(packed.bias, layer.bias, rtol=1e-3, atol=1e-4)
    sizes = {one.numel() for one in steps.state[packed.values].values() if one.dim()}
    assert sizes == {int(layer.weight_mask.sum())}
    assert sum(p.numel() for p in packed.parameters()) == int(layer.weight_mask.sum()) + 16


def test_the_weights_stand_in_their_places():
    layer = layer_of("random[density=0.3]", (7, 5, 3, 2), bias=False)
    packed = PackedConv(layer)
    assert torch.equal(packed.weight(), layer.weight)
    assert packed.bias is None
    assert [name for name, _ in packed.named_parameters()] == ["values"]


def test_what_one_product_trained_another_goes_on_with(compiler):
    layer = layer_of()
    for one in PRODUCTS:
        for other in PRODUCTS:
            first = PackedConv(layer, product_of(one, layer))
            nn.init.normal_(first.values)
            second = PackedConv(layer, product_of(other, layer))
            second.load_state_dict(first.state_dict())
            assert torch.equal(second.weight(), first.weight())
            x = torch.randn(2, 8, 5, 5)
            torch.testing.assert_close(second(x), first(x), rtol=1e-4, atol=1e-5)


def test_images_of_other_channels_are_refused(product):
    layer = layer_of()
    packed = PackedConv(layer, product_of(product, layer))
    for channels in (7, 9):
        with pytest.raises(ValueError, match=f"inputs of {channels} channels for a layer that takes 8"):
            packed(torch.ones(1, channels, 5, 5))


def test_the_fastest_product_is_measured_once_and_kept_for_all_processes(fresh, monkeypatch):
    layer, state = layer_of(), torch.get_rng_state()
    product = fastest_product(layer, (4, 8, 6, 6))
    assert torch.equal(torch.get_rng_state(), state)
    assert layer.weight.grad is None
    (file,) = fresh.glob("forms-*.json")
    ((kind, name),) = json.loads(file.read_text())["forms"].items()
    assert isinstance(product, PRODUCTS[name])
    assert "training conv (16, 8, 3, 3)" in kind
    content = json.loads(file.read_text()) | {"forms": {kind: "grouped"}}
    file.write_text(json.dumps(content))
    choices.cache_clear()  # as in another process
    monkeypatch.setattr("bench.execution.lean.conv.quickest", lambda *_: pytest.fail("measured again"))
    for _ in range(2):
        assert isinstance(fastest_product(layer, (4, 8, 6, 6)), PRODUCTS["grouped"])


def test_other_patterns_and_other_batches_are_measured_anew(fresh):
    for spec, batch in (("shared[density=0.25,outputs=4]", 4), ("shared[density=0.25,outputs=4]", 5), ("shared[density=0.25,outputs=8]", 4)):  # fmt: skip
        fastest_product(layer_of(spec), (batch, 8, 6, 6))
    (file,) = fresh.glob("forms-*.json")
    assert len(json.loads(file.read_text())["forms"]) == 3


def test_where_there_is_one_product_nothing_is_measured(fresh):
    assert isinstance(fastest_product(layer_of(padding_mode="circular"), (4, 8, 6, 6)), Scattered)
    assert not list(fresh.iterdir())


def test_without_a_folder_for_choices_each_process_finds_its_own(fresh, monkeypatch):
    (fresh / "a file, no folder").write_text("")
    monkeypatch.setenv("SEESAW_CACHE", str(fresh / "a file, no folder" / "below"))
    choices.cache_clear()
    first = fastest_product(layer_of(), (4, 8, 6, 6))
    monkeypatch.setattr("bench.execution.lean.conv.quickest", lambda *_: pytest.fail("measured again"))
    assert type(fastest_product(layer_of(), (4, 8, 6, 6))) is type(first)
