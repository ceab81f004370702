"""The operator of convolutions that are trained on the weights that exist: forward and both gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.execution import native
from bench.execution.lean.row_chunks import dense, places

LAST = torch.channels_last
Geometry = Sequence[int]
"""Kernel, stride, padding and dilation, two numbers each."""

native.library.define(
    "conv(Tensor x, Tensor values, Tensor bias, Tensor chunks, Tensor index, int[] geometry) -> Tensor"
)
native.library.define(
    "conv_backward(Tensor gradient, Tensor x, Tensor values, Tensor chunks, Tensor index, int[] geometry, bool inputs)"
    " -> (Tensor, Tensor)"
)


def _kernel(x: Tensor, values: Tensor, chunks: Tensor, index: Tensor, rows: int, size: Geometry) -> Tensor:
    columns = x.shape[1] * size[0] * size[1]
    return dense(values, chunks, index, rows, columns).reshape(rows, x.shape[1], *size[:2])


def _plain(
    x: Tensor, values: Tensor, bias: Tensor, chunks: Tensor, index: Tensor, geometry: Geometry
) -> Tensor:
    """The operator by PyTorch alone."""
    kernel = _kernel(x, values, chunks, index, len(bias), geometry)
    y = torch.nn.functional.conv2d(x, kernel, bias, geometry[2:4], geometry[4:6], geometry[6:])
    return torch.empty_like(y, memory_format=LAST).copy_(y)


def _plain_backward(
    gradient: Tensor,
    x: Tensor,
    values: Tensor,
    chunks: Tensor,
    index: Tensor,
    geometry: Geometry,
    inputs: bool,
) -> tuple[Tensor, Tensor]:
    kernel = _kernel(x, values, chunks, index, gradient.shape[1], geometry)
    back, grown, _ = torch.ops.aten.convolution_backward.default(
        gradient, x, kernel, None, geometry[2:4], geometry[4:6], geometry[6:], False, [0, 0], 1,
        [inputs, True, False],
    )  # fmt: skip
    rows, columns = places(chunks, index)
    back = torch.empty_like(back, memory_format=LAST).copy_(back) if inputs else x.new_empty(0)
    return back, grown.flatten(1)[rows, columns].reshape(values.shape)


native.library.impl("conv", _plain, "CompositeExplicitAutograd")
native.library.impl("conv_backward", _plain_backward, "CompositeExplicitAutograd")


@torch.library.register_fake("seesaw::conv", lib=native.library)
def _(x: Tensor, values: Tensor, bias: Tensor, chunks: Tensor, index: Tensor, geometry: Geometry) -> Tensor:
    sizes = [
        (x.shape[2 + a] + 2 * geometry[4 + a] - geometry[6 + a] * (geometry[a] - 1) - 1) // geometry[2 + a]
        + 1
        for a in (0, 1)
    ]
    return torch.empty(
        (x.shape[0], bias.shape[0], *sizes), dtype=x.dtype, device=x.device, memory_format=LAST
    )


@torch.library.register_fake("seesaw::conv_backward", lib=native.library)
def _(gradient: Tensor, x: Tensor, values: Tensor, *rest) -> tuple[Tensor, Tensor]:
    *_, inputs = rest
    return torch.empty_like(x, memory_format=LAST) if inputs else x.new_empty(0), torch.empty_like(values)


def _save(ctx, inputs, output) -> None:
    x, values, _, chunks, index, ctx.geometry = inputs
    ctx.save_for_backward(x, values, chunks, index)


@once_differentiable
def _backward(ctx, gradient: Tensor):
    x, values, chunks, index = ctx.saved_tensors
    inputs = ctx.needs_input_grad[0]
    back, grown = torch.ops.seesaw.conv_backward(gradient, x, values, chunks, index, ctx.geometry, inputs)
    bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
    return back if inputs else None, grown, bias, None, None, None


torch.library.register_autograd("seesaw::conv", _backward, setup_context=_save, lib=native.library)
