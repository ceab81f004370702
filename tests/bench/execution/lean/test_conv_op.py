"""The operator of convolutions that are trained on the weights that exist."""

import pytest
import torch
from torch import nn

from bench import hide, mask_from
from bench.execution.lean import conv_op
from bench.execution.lean.row_chunks import Chunked
from bench.execution.row_groups import groups_of

built = pytest.mark.usefixtures("compiler")


def arguments_of(layer, *image, batch=3):
    """The operator's arguments for a layer with a mask, on random images."""
    weight, mask = layer.weight.detach().flatten(1), layer.weight_mask.flatten(1)
    chunked = Chunked.of(groups_of(weight.numpy(), mask.numpy()))
    geometry = [*layer.kernel_size, *layer.stride, *layer.padding, *layer.dilation]
    x = torch.randn(batch, layer.in_channels, *image)
    values = weight[chunked.rows, chunked.columns][None].clone()
    return [x, values, layer.bias.detach().clone(), chunked.chunks, chunked.index, geometry]


def layer_of(inputs=5, outputs=9, share=0.4, **geometry):
    layer = nn.Conv2d(inputs, outputs, **({"kernel_size": 3, "padding": 1} | geometry))
    hide(layer, torch.rand_like(layer.weight) < share)
    return layer


@built
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("pattern", ["shared", "sparse", "kernel", "group", "block"])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_native_kernels_and_the_plain_path_agree(pattern, stride, threads):
    layer = nn.Conv2d(64, 32, 3, stride, 1)
    hide(layer, mask_from(f"{pattern}[density=0.25,nearest=true]@1", (32, 64, 3, 3)))
    args = arguments_of(layer, 17, 16, batch=9)  # several blocks, the last one not whole
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        y = torch.ops.seesaw.conv(*args)
        torch.testing.assert_close(y, conv_op._plain(*args), rtol=1e-4, atol=1e-5)
        back, (x, values, _, *rest) = torch.randn_like(y), args
        ours = torch.ops.seesaw.conv_backward(back, x, values, *rest, True)
        assert torch.equal(ours[1], torch.ops.seesaw.conv_backward(back, x, values, *rest, True)[1])
    finally:
        torch.set_num_threads(before)
    for one, other in zip(ours, conv_op._plain_backward(back, x, values, *rest, True), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("inputs_too", [True, False])
@pytest.mark.parametrize("geometry", [{}, {"kernel_size": 1, "stride": 2, "padding": 0}, {"dilation": 2}])
def test_the_operator_is_sound(geometry, inputs_too):
    x, values, bias, *rest = arguments_of(layer_of(**geometry), 7, 6)
    args = (x.requires_grad_(inputs_too), values.requires_grad_(), bias.requires_grad_(), *rest)
    torch.library.opcheck(torch.ops.seesaw.conv.default, args)


def test_the_gradients_are_the_derivatives():
    *numbers, chunks, index, geometry = arguments_of(layer_of(2, 3), 5, 4, batch=2)

    def run(x, values, bias):
        return torch.ops.seesaw.conv(x, values, bias, chunks, index, geometry)

    for one in numbers:
        one.requires_grad_(True)
    torch.autograd.gradcheck(run, numbers, eps=1e-2, atol=1e-2)  # float32, and linear in each


def test_a_second_derivative_is_refused_rather_than_wrong():
    x, *rest = arguments_of(layer_of(), 6, 6)
    y = torch.ops.seesaw.conv(x.requires_grad_(), *rest)
    (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.square().sum().backward()


@built
def test_what_does_not_fit_is_refused_before_anything_is_read():
    x, values, bias, chunks, index, geometry = arguments_of(layer_of(), 6, 6)
    for wrong, message in (
        ((x[:, :4], values, bias, chunks, index, geometry), "others than 36 inputs"),
        ((x, values, bias[:5], chunks, index, geometry), "others than 5 rows"),
        ((x[:, :, :0], values, bias, chunks, index, geometry), "smaller than the kernel"),
        ((x, values, bias, chunks, index, [0] * 8), "makes no convolution"),
        ((x, values, bias, chunks, index, geometry[:4]), "two numbers each"),
        ((x.double(), values, bias, chunks, index, geometry), "float32"),
    ):
        with pytest.raises(RuntimeError, match=message):
            torch.ops.seesaw.conv(*wrong)
    with pytest.raises(RuntimeError, match=r"gradient: float32 \(N, rows, height, width\)"):
        torch.ops.seesaw.conv_backward(x[:2], x, values, chunks, index, geometry, True)


def test_no_images_give_no_results():
    args = arguments_of(layer_of(), 6, 6, batch=0)
    y = torch.ops.seesaw.conv(*args)
    assert y.shape == (0, 9, 6, 6)
    x, values, _, *rest = args
    assert not torch.ops.seesaw.conv_backward(y, x, values, *rest, True)[1].any()


@built
@pytest.mark.parametrize(("place", "number"), [(0, -3), (0, 1 << 28), (-1, 9), (-1, 0)])
def test_an_index_that_lies_is_refused_forward_and_backward(place, number):
    args = arguments_of(layer_of(share=0.9), 6, 6)
    args[4][place] = number
    with pytest.raises(RuntimeError, match="others than"):
        torch.ops.seesaw.conv(*args)
    x, values, _, *pattern = args
    with pytest.raises(RuntimeError, match="others than"):
        torch.ops.seesaw.conv_backward(torch.randn(3, 9, 6, 6), x, values, *pattern, True)
