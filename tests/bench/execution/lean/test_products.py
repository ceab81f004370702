"""Products of convolutions that are trained on the weights that exist, against the layer with its mask."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from bench import hide, mask_from
from bench.execution.lean.conv import PackedConv
from bench.execution.lean.products import PRODUCTS, Scattered

PREDEFINED = (
    "block[nearest=true,density=0.25,size=4]", "clash-free[nearest=true,density=0.25]", "diagonal[nearest=true,density=0.25]",
    "group[nearest=true,density=0.25]", "kernel[nearest=true,density=0.25]", "radix[nearest=true,density=0.25]",
    "random[density=0.25]", "shared[nearest=true,density=0.25,outputs=4]", "sparse[nearest=true,density=0.25]",
)  # fmt: skip


def products(layer):
    return {name: one for name, kind in PRODUCTS.items() if (one := kind.of(layer)) is not None}


def agrees(layer, x):
    """Every product gives what the masked layer does, and its gradients."""
    back = torch.randn_like(layer(x))
    leaves = [x, layer.weight, *([] if layer.bias is None else [layer.bias])]
    theirs = torch.autograd.grad(layer(x), leaves, back)
    for product in products(layer).values():
        packed = PackedConv(layer, product)
        own = [x, packed.values, *([] if layer.bias is None else [packed.bias])]
        torch.testing.assert_close(packed(x), layer(x), rtol=1e-5, atol=1e-5)
        ours = torch.autograd.grad(packed(x), own, back)
        torch.testing.assert_close(ours[0], theirs[0], rtol=1e-4, atol=1e-5)
        # sums over all places, of large numbers that cancel out
        sums = [theirs[1][layer.weight_mask], *theirs[2:]]
        for one, other, whole in zip([ours[1][0], *ours[2:]], sums, theirs[1:], strict=True):
            largest = float(whole.abs().max().clamp(min=10))
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * largest)


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 20)] * 2),
    kernel=st.tuples(*[st.integers(1, 4)] * 2),
    stride=st.tuples(*[st.integers(1, 3)] * 2),
    padding=st.tuples(*[st.integers(0, 3)] * 2),
    dilation=st.tuples(*[st.integers(1, 2)] * 2),
    image=st.tuples(*[st.integers(7, 20)] * 2),
    batch=st.integers(1, 40),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    whole=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_outputs_and_gradients_are_those_of_the_masked_layer(
    sizes, kernel, stride, padding, dilation, image, batch, share, whole, bias, seed
):
    torch.manual_seed(seed)
    layer = nn.Conv2d(*sizes, kernel, stride, padding, dilation, bias=bias)
    pairs = torch.rand_like(layer.weight)
    hide(layer, (pairs[..., :1, :1] if whole else pairs).expand_as(pairs) < share)
    agrees(layer, torch.randn(batch, sizes[0], *image, requires_grad=True))


@pytest.mark.parametrize(
    "shape", [(16, 32, 3, 3), (24, 8, 1, 1), (10, 17, 3, 3), (17, 10, 3, 3), (3, 1, 3, 3)]
)
@pytest.mark.parametrize("spec", PREDEFINED)
def test_every_predefined_pattern_is_trained_as_with_its_mask(spec, shape):
    layer = nn.Conv2d(shape[1], shape[0], shape[2:], padding=shape[2] // 2, stride=2)
    hide(layer, mask_from(f"{spec}@1", shape))
    agrees(layer, torch.randn(5, shape[1], 9, 7, requires_grad=True))


def test_images_that_lie_channels_last_are_taken_as_they_are():
    layer = nn.Conv2d(6, 9, 3, padding=1)
    hide(layer, torch.rand_like(layer.weight) < 0.3)
    layer.to(memory_format=torch.channels_last)
    agrees(layer, torch.randn(3, 6, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_())


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(4, 6, 3, padding=1), (4, 9)),
        (nn.Conv3d(2, 3, 2, stride=2), (2, 5, 6, 4)),
        (nn.Conv2d(4, 8, 3, groups=2), (4, 9, 9)),
        (nn.Conv2d(4, 8, 3, padding="same"), (4, 9, 9)),
        (nn.Conv2d(4, 8, 3, padding=1, padding_mode="reflect"), (4, 9, 9)),
    ],
)
def test_a_convolution_that_no_other_product_computes_is_scattered(layer, shape):
    hide(layer, torch.rand_like(layer.weight) < 0.4)
    assert [type(one) for one in products(layer).values()] == [Scattered]
    agrees(layer, torch.randn(3, *shape, requires_grad=True))


def test_rows_that_share_channels_are_a_convolution_in_groups_and_others_are_none():
    names = {}
    for spec in ("group", "shared", "kernel", "random"):
        layer = nn.Conv2d(16, 32, 3)
        hide(
            layer,
            mask_from(f"{spec}[density=0.25{',nearest=true' if spec != 'random' else ''}]@0", (32, 16, 3, 3)),
        )
        names[spec] = set(products(layer)) - {"native"}
    assert names["group"] == names["shared"] == {"scattered", "grouped"}
    assert names["kernel"] == names["random"] == {"scattered"}


def test_the_native_kernels_stand_on_the_processor_and_in_float32_alone(compiler):
    layer = nn.Conv2d(4, 4, 3)
    assert "native" in products(layer)
    assert "native" not in products(layer.double())


def test_torch_compile_and_export_see_through_every_product(product):
    layer = nn.Conv2d(8, 16, 3, padding=1)
    hide(layer, mask_from("group[density=0.25]@0", (16, 8, 3, 3)))
    packed, x = PackedConv(layer, products(layer)[product]), torch.randn(2, 8, 6, 6)
    run = torch.compile(packed, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(run(x), packed(x))
    run(x).sum().backward()
    assert packed.values.grad is not None
    torch.testing.assert_close(torch.export.export(packed, (x,)).module()(x), packed(x))
