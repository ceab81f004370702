"""Products: ways to multiply a convolution's values with its inputs in training, all with equal results."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Self, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from bench.execution import native
from bench.execution.gathered import Gathers
from bench.execution.lean import conv_op  # noqa: F401  the operator is registered there
from bench.execution.lean.row_chunks import Chunked
from bench.execution.row_groups import Group, groups_of
from bench.network.sparse.mask import mask_of

Conv = nn.Conv1d | nn.Conv2d | nn.Conv3d


class Product(nn.Module):
    """The contract: `of` makes it for a layer, or None where it cannot be; `forward` computes the layer.

    `values` are the weights that exist in row order, (1, nnz), as `weight[mask]` gives them. A product's
    other tensors follow from the mask alone, so they are in no state dict.
    """

    @classmethod
    def of(cls, layer: Conv) -> Self | None:
        """The product for a layer, or None where it cannot be."""
        raise NotImplementedError(f"{cls.__name__} must define of(layer)")

    def forward(self, x: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
        """(N, channels, ...) to (N, outputs, ...)."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, values, bias)")

    def hold(self, **numbers: np.ndarray) -> None:
        """Register index tensors as buffers, outside of state dicts."""
        for name, array in numbers.items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)


class Scattered(Product):
    """The dense kernel, made anew at every step: memory falls with the density, and time does not."""

    at: Tensor

    def __init__(self, layer: Conv) -> None:
        super().__init__()
        self.layer = (layer,)  # not a module of this one: its weight is not to be trained
        outputs, inputs, *size = layer.weight.shape
        # channels last: the layout that convolutions train fastest in
        self.shape = (outputs, *size, inputs)
        at = np.arange(math.prod(self.shape)).reshape(self.shape)
        self.hold(at=np.moveaxis(at, -1, 1)[existing(layer).cpu().numpy()])

    @classmethod
    def of(cls, layer: Conv) -> Self:
        return cls(layer)

    def forward(self, x: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
        (layer,) = self.layer
        kernel = values.new_zeros(math.prod(self.shape)).index_copy_(0, self.at, values[0]).view(self.shape)
        return layer._conv_forward(x, kernel.movedim(-1, 1), bias)


class Grouped(Product):
    """One convolution in groups over gathered channels, where rows share whole channels (see `Gathers`)."""

    channels: Tensor
    rows: Tensor
    at: Tensor

    def __init__(self, layer: nn.Conv2d, groups: list[Group], gathers: Gathers) -> None:
        super().__init__()
        taps = math.prod(layer.weight.shape[2:])
        count, high, wide = gathers.values.shape
        numbers, at = _numbers(layer), np.zeros(int(_mask(layer).sum()), np.int64)
        for group in groups:
            row = gathers.rows[group.rows, None] * wide + np.arange(len(group.columns))
            at[numbers[np.ix_(group.rows, group.columns)]] = row
        self.groups, self.shape = count, (count * high, wide // taps, *layer.weight.shape[2:])
        self.geometry = _geometry(layer)
        self.hold(channels=gathers.columns.reshape(-1, taps)[:, 0] // taps, rows=gathers.rows, at=at)
        self.turns = not np.array_equal(gathers.rows, np.arange(count * high))

    @classmethod
    def of(cls, layer: Conv) -> Self | None:
        if not _plain(layer):
            return None
        groups = groups_of(layer.weight.detach().float().cpu().flatten(1).numpy(), _mask(layer))
        gathers = Gathers.of(groups, math.prod(layer.weight.shape[2:]))
        if gathers is None or gathers.cost >= layer.weight.numel():
            return None
        return cls(layer, groups, gathers)

    def forward(self, x: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
        kernel = values.new_zeros(math.prod(self.shape)).index_copy_(0, self.at, values[0]).view(self.shape)
        read = x.index_select(1, self.channels)
        _, stride, padding, dilation = self.geometry
        y = torch.conv2d(read, kernel, None, stride, padding, dilation, self.groups)
        y = y.index_select(1, self.rows) if self.turns else y
        return y if bias is None else y + bias[:, None, None]


class Native(Product):
    """Our own kernels, which read the existing weights of any pattern; on a CPU, in float32."""

    chunks: Tensor
    index: Tensor
    order: Tensor
    blank: Tensor

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        taps = math.prod(layer.weight.shape[2:])
        groups = groups_of(layer.weight.detach().flatten(1).numpy(), _mask(layer))
        chunked = Chunked.of(replace(group, columns=_by_tap(group.columns, taps)) for group in groups)
        self.hold(
            chunks=chunked.chunks.numpy(),
            index=chunked.index.numpy(),
            order=_numbers(layer)[chunked.rows, chunked.columns],
            blank=np.zeros(len(layer.weight), np.float32),
        )
        self.geometry = [n for pair in _geometry(layer) for n in pair]

    @classmethod
    def of(cls, layer: Conv) -> Self | None:
        here = layer.weight.device.type == "cpu" and layer.weight.dtype == torch.float32
        return cls(layer) if _plain(layer) and here and native.why_no_kernels() is None else None

    def forward(self, x: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
        own, start = values.index_select(1, self.order), self.blank if bias is None else bias
        return torch.ops.seesaw.conv(x, own, start, self.chunks, self.index, self.geometry)


PRODUCTS: dict[str, type[Product]] = {"scattered": Scattered, "grouped": Grouped, "native": Native}


def _plain(layer: Conv) -> TypeGuard[nn.Conv2d]:
    """Whether a layer is a convolution of images without groups, and with zeros around them."""
    zeros = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return isinstance(layer, nn.Conv2d) and layer.groups == 1 and zeros


def _geometry(layer: nn.Conv2d) -> list[list[int]]:
    """Kernel, stride, padding and dilation."""
    return [
        [int(n) for n in pair] for pair in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    ]


def existing(layer: Conv) -> Tensor:
    """The mask of a layer, boolean of the weight's shape; all True where it is dense."""
    mask = mask_of(layer)
    return torch.ones_like(layer.weight, dtype=torch.bool) if mask is None else mask


def _mask(layer: Conv) -> np.ndarray:
    """The mask of a layer, boolean (outputs, columns)."""
    return existing(layer).cpu().flatten(1).numpy()


def _numbers(layer: Conv) -> np.ndarray:
    """At every place that exists, the number of its value in row order."""
    mask = _mask(layer)
    return (np.cumsum(mask) - 1).reshape(mask.shape)


def _by_tap(columns: np.ndarray, taps: int) -> np.ndarray:
    """The columns tap by tap: with a channel's taps side by side, one would wait for the other's writing."""
    return columns[np.lexsort((columns // taps, columns % taps))]
