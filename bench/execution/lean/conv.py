"""Convolutions that are trained on the weights that exist: forward, both gradients, and the optimiser's state.

Predefined sparsity exists before training (Capogrosso et al., FDL 2024; for kernels Kundu et al., IEEE TC 2020): nothing
ever needs the weights that do not. The optimiser's state always falls with the density. The time falls where a product
of what exists is faster than the dense one, which is measured (`fastest`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from bench.execution.fast import wait
from bench.execution.lean.products import PRODUCTS, Conv, Product, Scattered, existing
from bench.execution.program.choices import choices, quickest

ROUNDS = 3
"""In which products are compared: a step of training takes long enough to be timed."""


class PackedConv(nn.Module):
    """A convolution that holds only the weights that exist.

    Args:
        layer: whose weights, mask and bias are taken.
        product: of this layer, how it is computed; by a dense kernel where it is left out.
    """

    def __init__(self, layer: Conv, product: Product | None = None) -> None:
        super().__init__()
        self.mask, self.channels = existing(layer), layer.in_channels
        self.product = product or Scattered.of(layer)
        self.values = nn.Parameter(layer.weight.detach()[self.mask][None])
        """(1, nnz), in row order; two dimensions, as weights have, for what treats biases otherwise"""
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, ...) to (N, outputs, ...)."""
        if x.shape[1 - self.mask.dim()] != self.channels:
            raise ValueError(
                f"inputs of {x.shape[1 - self.mask.dim()]} channels for a layer that takes {self.channels}"
            )
        return self.product(x, self.values, self.bias)

    def weight(self) -> Tensor:
        """The weights in their places, zeros between."""
        weight = self.values.new_zeros(self.mask.shape)
        weight[self.mask] = self.values.detach()[0]
        return weight


def fastest(layer: Conv, shape: Sequence[int]) -> Product:
    """The product that takes a step of training fastest here, measured once for each machine and kind of layer.

    Args:
        layer: with its mask.
        shape: of a batch of its inputs.
    """
    able = {name: one for name, kind in PRODUCTS.items() if (one := kind.of(layer)) is not None}
    if len(able) == 1:
        return able["scattered"]

    def measure() -> str:
        jobs = [_step(PackedConv(layer, product), shape) for product in able.values()]
        return list(able)[quickest(jobs, ROUNDS)]

    return able[choices(torch.get_num_threads()).settled(_kind(layer, shape), able, measure)]


def _step(layer: PackedConv, shape: Sequence[int]) -> Callable[[], None]:
    """Forward and both gradients."""
    at = layer.values
    x = torch.ones(*shape, dtype=at.dtype, device=at.device).contiguous(memory_format=torch.channels_last)
    x.requires_grad_(True)
    with torch.no_grad():
        back = layer(x)

    def run() -> None:
        with torch.enable_grad():
            layer(x).backward(back)
        wait(at.device)

    return run


def _kind(layer: Conv, shape: Sequence[int]) -> str:
    """What the speed of training a layer depends on, as one line."""
    mask, device = existing(layer), layer.weight.device
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    told = (
        tuple(mask.shape), layer.stride, layer.padding, layer.dilation, tuple(shape),
        int(mask.sum()), len(mask.flatten(1).unique(dim=0)), named,
    )  # fmt: skip
    return f"training conv {' '.join(map(str, told))}"
