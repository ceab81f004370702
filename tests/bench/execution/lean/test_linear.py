"""Training on the weights that exist, against dense training with the gradient masked.

Covers: bench/execution/lean/row_chunks.py
"""

import json

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from bench import hide, mask_from
from bench.execution import native
from bench.execution.lean import linear as packed
from bench.execution.lean import row_chunks as chunks
from bench.execution.lean.linear import PackedLinear
from bench.execution.program.choices import choices

built = pytest.mark.usefixtures("compiler")


def layer_of(outputs, inputs, share, seed=0, bias=True):
    torch.manual_seed(seed)
    layer = nn.Linear(inputs, outputs, bias=bias)
    hide(layer, torch.rand(outputs, inputs) < share)
    return layer


def hidden(layer, like):
    return like * layer.weight_mask


@settings(max_examples=60, deadline=None)
@given(
    outputs=st.integers(1, 40),
    inputs=st.integers(1, 40),
    batch=st.integers(0, 70),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 99),
    product=st.sampled_from(packed.PRODUCTS),
)
def test_outputs_and_gradients_are_those_of_the_masked_layer(outputs, inputs, batch, share, seed, product):
    layer = layer_of(outputs, inputs, share, seed)
    small = PackedLinear(layer, product)
    x, back = torch.randn(batch, inputs, requires_grad=True), torch.randn(batch, outputs)
    theirs = torch.autograd.grad(layer(x), (x, layer.weight, layer.bias), back)
    ours = torch.autograd.grad(small(x), (x, small.values, small.bias), back)
    torch.testing.assert_close(small(x), layer(x), rtol=1e-5, atol=1e-5)
    rows, columns = chunks.places(small.chunks, small.index)
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours[1], theirs[1][rows, columns][None], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours[2], theirs[2], rtol=1e-4, atol=1e-5)
    assert torch.equal(small.weight(), layer.weight)
    assert small.values.numel() == int(layer.weight_mask.sum())


@built
@pytest.mark.parametrize("pattern", ["shared[density=0.25]", "sparse[density=0.25]", "block[density=0.25,size=4]", "diagonal[density=0.25]"])  # fmt: skip
def test_the_native_kernels_and_the_plain_path_agree(pattern):
    layer = nn.Linear(64, 32)
    hide(layer, mask_from(f"{pattern}@1", (32, 64)))
    small = PackedLinear(layer)
    x, back = torch.randn(20, 64), torch.randn(20, 32)
    args = (small.values.detach(), small.bias.detach(), small.chunks, small.index)
    torch.testing.assert_close(torch.ops.seesaw.linear(x, *args), packed._plain(x, *args))
    ours = torch.ops.seesaw.linear_backward(back, x, args[0], *args[2:], True)
    theirs = packed._plain_backward(back, x, args[0], *args[2:], True)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("inputs_too", [True, False])
def test_the_operator_is_sound(inputs_too):
    small = PackedLinear(layer_of(9, 7, 0.5))
    x = torch.randn(5, 7, requires_grad=inputs_too)
    args = (x, small.values, small.bias, small.chunks, small.index)
    torch.library.opcheck(torch.ops.seesaw.linear.default, args)


def test_the_gradients_are_the_derivatives():
    small = PackedLinear(layer_of(6, 5, 0.5))

    def run(x, values, bias):
        return torch.ops.seesaw.linear(x, values, bias, small.chunks, small.index)

    args = [torch.randn(4, 5), torch.randn_like(small.values), torch.randn(6)]
    for one in args:
        one.requires_grad_(True)
    torch.autograd.gradcheck(run, args, eps=1e-2, atol=1e-2)  # float32, and linear in each


def test_training_goes_as_with_a_mask_and_the_state_of_the_optimiser_is_small():
    layer = layer_of(32, 24, 0.2)
    small = PackedLinear(layer)
    x, target = torch.randn(64, 24), torch.randn(64, 32)
    for module in (layer, small):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
        for _ in range(20):
            optimizer.zero_grad()
            (module(x) - target).square().mean().backward()
            if module is layer:
                layer.weight.grad *= layer.weight_mask
            optimizer.step()
    torch.testing.assert_close(small.weight(), layer.weight, rtol=1e-4, atol=1e-5)
    state = optimizer.state[small.values]["momentum_buffer"]
    assert state.shape == (1, int(layer.weight_mask.sum()))


def test_a_layer_without_bias_gets_none():
    small = PackedLinear(layer_of(8, 8, 0.5, bias=False))
    assert not small.bias.requires_grad
    assert not small.bias.any()


def test_torch_compile_sees_through_it():
    small = PackedLinear(layer_of(16, 12, 0.5))
    x = torch.randn(4, 12)
    run = torch.compile(small, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(run(x), small(x))
    run(x).sum().backward()
    assert small.values.grad is not None


def test_torch_export_sees_through_it():
    small = PackedLinear(layer_of(16, 12, 0.5))
    x = torch.randn(4, 12)
    torch.testing.assert_close(torch.export.export(small, (x,)).module()(x), small(x))


def test_inputs_of_another_width_are_refused():
    small = PackedLinear(layer_of(8, 64, 0.5))
    with pytest.raises(ValueError, match="10 features for a layer that takes 64"):
        small(torch.ones(2, 10))
    if native.why_no_kernels() is None:
        with pytest.raises(RuntimeError, match="others than 10 inputs"):
            torch.ops.seesaw.linear(torch.ones(2, 10), small.values, small.bias, small.chunks, small.index)


def test_a_second_derivative_is_refused_rather_than_wrong():
    small = PackedLinear(layer_of(8, 8, 0.5))
    x = torch.randn(3, 8, requires_grad=True)
    (first,) = torch.autograd.grad(small(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.square().sum().backward()


def test_the_fastest_product_is_measured_once_and_kept_with_the_machine(fresh, monkeypatch):
    layer = layer_of(48, 32, 0.5)
    name = packed.fastest_linear(layer, (8, 32))
    assert name in packed.PRODUCTS
    (file,) = fresh.glob("forms-*.json")
    ((kind, kept),) = json.loads(file.read_text())["forms"].items()
    assert kept == name
    assert kind.startswith("training linear (48, 32) (8, 32)")
    choices.cache_clear()
    monkeypatch.setattr(packed, "quickest", lambda *_: pytest.fail("measured again"))
    assert packed.fastest_linear(layer, (8, 32)) == name


def test_the_slower_product_is_left(fresh, monkeypatch):
    layer = layer_of(48, 32, 0.5)
    for number, name in enumerate(packed.PRODUCTS):
        monkeypatch.setattr(packed, "quickest", lambda jobs, rounds, n=number: n)
        assert packed.fastest_linear(layer, (8 + number, 32)) == name


@pytest.mark.parametrize("product", packed.PRODUCTS)
def test_what_one_product_trained_another_goes_on_with_even_by_another_pattern(product):
    one = PackedLinear(layer_of(16, 16, 0.5, 1))
    changed = layer_of(16, 16, 0.5, 1)
    hide(changed, changed.weight_mask.flip(0))
    other = PackedLinear(changed, product)
    other.load_state_dict(one.state_dict())
    x = torch.randn(3, 16)
    torch.testing.assert_close(other(x), one(x))


def test_a_state_dict_holds_its_pattern():
    one, other = (PackedLinear(layer_of(16, 16, 0.5, seed)) for seed in (1, 1))
    changed = layer_of(16, 16, 0.5, 1)
    hide(changed, changed.weight_mask.flip(0))
    other = PackedLinear(changed)
    other.load_state_dict(one.state_dict())
    assert torch.equal(other.weight(), one.weight())


def test_a_layer_takes_several_vectors_a_sample():
    layer = layer_of(6, 5, 0.5)
    small = PackedLinear(layer)
    x, back = torch.randn(3, 4, 5, requires_grad=True), torch.randn(3, 4, 6)
    torch.testing.assert_close(small(x), layer(x))
    theirs = torch.autograd.grad(layer(x), (x, layer.bias), back)
    for ours, other in zip(torch.autograd.grad(small(x), (x, small.bias), back), theirs, strict=True):
        torch.testing.assert_close(ours, other)


@built
@pytest.mark.parametrize(
    ("blob", "place", "number"),
    [
        ("chunks", (0, 0), 1 << 20),
        ("chunks", (0, 0), -1),
        ("chunks", (0, 1), 9),
        ("chunks", (0, 2), 1 << 29),
        ("chunks", (0, 2), -4),
        ("chunks", (0, 3), 1 << 29),
        ("chunks", (0, 4), 1 << 29),
        ("index", (0,), -3),
        ("index", (0,), 1 << 28),
        ("index", (-1,), 16),
        ("index", (-1,), 0),
    ],
)
def test_chunks_that_lie_are_refused_forward_and_backward(blob, place, number):
    """Checkpoints hold chunks: those of a file are checked against the blobs before anything is read by them."""
    small, x = PackedLinear(layer_of(16, 12, 0.6)), torch.randn(3, 12)
    small.state_dict()[blob][place] = number
    with pytest.raises(RuntimeError, match=r"chunks:|others than"):
        small(x)
    with pytest.raises(RuntimeError, match=r"chunks:|others than"):
        torch.ops.seesaw.linear_backward(
            torch.randn(3, 16), x, small.values.detach(), small.chunks, small.index, True
        )
