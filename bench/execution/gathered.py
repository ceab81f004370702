"""Gathered products: layers whose rows share their inputs, as dense products of PyTorch's own, on any device.

Rows of equal support form a group; its inputs are gathered, and all groups become one batched product, or one
convolution in groups. So `shared`, `block` and `group` patterns, and filters without weights, cost only their existing
weights without kernels of our own: on an accelerator, and where there is no compiler.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from bench.execution.row_groups import Group, groups_of
from bench.network.sparse.mask import Layer, mask_of, masked

WORTH, HIGH = 0.6, 1.5
"""A layer is gathered where its groups, filled up to equal sizes, cost at most this share of the dense layer,
and have at least so many rows on average."""


@dataclass(frozen=True)
class Gathers:
    """Groups filled up to equal sizes.

    Attributes:
        columns: the input columns that each group reads, int64 (groups, fan-in), filled up with channel 0.
        rows: the place of each output among the rows of all groups, int64 (outputs,): group * height + row.
        values: the weights, float32 (groups, height, fan-in), 0 where there are none.
    """

    columns: np.ndarray
    rows: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, groups: list[Group], taps: int = 1) -> Self | None:
        """Groups filled up; None where they have too few rows, or one reads only some taps of a channel.

        Args:
            groups: of the rows of a weight, columns being (channel, tap).
            taps: numbers of a channel that are read together.
        """
        outputs = sum(len(group.rows) for group in groups)
        if outputs < HIGH * len(groups) or any(not _whole(group.columns, taps) for group in groups):
            return None
        height = max(len(group.rows) for group in groups)
        wide = max(taps, *(len(group.columns) for group in groups))
        columns = np.zeros((len(groups), wide), np.int64)
        columns[:] = np.arange(wide) % taps
        values = np.zeros((len(groups), height, wide), np.float32)
        rows = np.zeros(outputs, np.int64)
        for number, group in enumerate(groups):
            columns[number, : len(group.columns)] = group.columns
            values[number, : len(group.rows), : len(group.columns)] = group.values.T
            rows[group.rows] = number * height + np.arange(len(group.rows))
        return cls(columns, rows, values)

    @property
    def cost(self) -> int:
        """Products for one place of the output."""
        return self.values.size


def _whole(columns: np.ndarray, taps: int) -> bool:
    """Whether all taps of a channel are there wherever one is."""
    return len(columns) % taps == 0 and bool((columns.reshape(-1, taps) % taps == np.arange(taps)).all())


class GatheredLinear(nn.Module):
    """A linear layer as one batched product: (..., in) to (..., out)."""

    columns: Tensor
    rows: Tensor
    values: Tensor

    def __init__(self, layer: nn.Linear, gathers: Gathers) -> None:
        super().__init__()
        self.register_buffer("columns", torch.from_numpy(gathers.columns.reshape(-1)))
        self.register_buffer("rows", torch.from_numpy(gathers.rows))
        self.register_buffer("values", torch.from_numpy(gathers.values))
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1]).t()
        groups, _, wide = self.values.shape
        read = flat.index_select(0, self.columns).view(groups, wide, -1)
        y = torch.bmm(self.values, read).flatten(0, 1).index_select(0, self.rows).t()
        return (y if self.bias is None else y + self.bias).reshape(*x.shape[:-1], len(self.rows))


class GatheredConv(nn.Module):
    """A convolution as one in groups: (N, in, height, width) to (N, out, ...)."""

    channels: Tensor
    rows: Tensor
    values: Tensor

    def __init__(self, layer: nn.Conv2d, gathers: Gathers) -> None:
        super().__init__()
        groups, height, wide = gathers.values.shape
        kernel = layer.weight.shape[2:]
        taps = math.prod(kernel)
        channels = gathers.columns.reshape(groups, -1, taps)[:, :, 0] // taps
        values = gathers.values.reshape(groups * height, wide // taps, *kernel)
        self.register_buffer("channels", torch.from_numpy(channels.reshape(-1)))
        self.register_buffer("rows", torch.from_numpy(gathers.rows))
        self.register_buffer("values", torch.from_numpy(values))
        self.bias, self.groups = layer.bias, groups
        self.geometry = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}

    def forward(self, x: Tensor) -> Tensor:
        read = x.index_select(1, self.channels)
        y = nn.functional.conv2d(read, self.values, groups=self.groups, **self.geometry)
        y = y.index_select(1, self.rows)
        return y if self.bias is None else y + self.bias[:, None, None]


def gathers(module: nn.Module) -> bool:
    """Whether gathering is worth it for any layer."""
    return any(_gathered(layer) is not None for _, layer, _ in masked(module))


def gather(module: nn.Module, made: dict[nn.Module, nn.Module]) -> None:
    """Replace the layers for which gathering is worth it.

    Args:
        module: its layers are replaced.
        made: the replacements so far, by layer, or the layer itself where that is not worth it; grows.
    """
    for name, layer, mask in list(masked(module)):
        if layer not in made:
            made[layer] = (_gathered(layer) or layer).to(mask.device).eval()
        parent, _, place = name.rpartition(".")
        setattr(module.get_submodule(parent), place, made[layer])


def _gathered(layer: Layer) -> nn.Module | None:
    mask = mask_of(layer)
    if mask is None or not isinstance(layer, (nn.Linear, nn.Conv2d)):
        return None
    if isinstance(layer, nn.Conv2d) and (layer.groups > 1 or layer.padding_mode != "zeros"):
        return None
    weight = layer.weight.detach().float().cpu().flatten(1)
    groups = groups_of(weight.numpy(), mask.cpu().flatten(1).numpy())
    gathers = Gathers.of(groups, math.prod(layer.weight.shape[2:]))
    if gathers is None or gathers.cost > WORTH * weight.numel():
        return None
    return GatheredLinear(layer, gathers) if isinstance(layer, nn.Linear) else GatheredConv(layer, gathers)
