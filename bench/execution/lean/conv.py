"""Convolutions that are trained on the weights that exist: forward, both gradients, and the optimiser's state.

Predefined sparsity exists before training (Capogrosso et al., FDL 2024; of kernels, Kundu et al., IEEE TC 2020):
absent weights are never needed. The optimiser's state always falls with the density. The time falls where
a product of the existing weights is faster than the dense one, which is measured (`fastest_product`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from bench.execution.clock import wait
from bench.execution.lean.products import PRODUCTS, Conv, Product, Scattered, existing
from bench.execution.program.choices import choices, quickest

ROUNDS = 3
"""Rounds in which products are compared; few, since a step of training takes long enough to be timed."""


class PackedConv(nn.Module):
    """A convolution that holds only the weights that exist.

    Args:
        layer: its weights, mask and bias are copied.
        product: made for this layer, computes it; a dense kernel does where left out.
    """

    def __init__(self, layer: Conv, product: Product | None = None) -> None:
        super().__init__()
        self.mask, self.channels = existing(layer), layer.in_channels
        self.product = product or Scattered.of(layer)
        self.values = nn.Parameter(layer.weight.detach()[self.mask][None])
        """(1, nnz), in row order; two dimensions, because one-dimensional parameters are taken for biases"""
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


def fastest_product(layer: Conv, shape: Sequence[int]) -> Product:
    """The product that takes a step of training fastest here, measured once for each machine and kind of layer.

    Args:
        layer: with its mask.
        shape: of a batch of its inputs.
    """
    products = {name: product for name, kind in PRODUCTS.items() if (product := kind.of(layer)) is not None}
    if len(products) == 1:
        return products["scattered"]

    def measure() -> str:
        jobs = [_step(PackedConv(layer, product), shape) for product in products.values()]
        return list(products)[quickest(jobs, ROUNDS)]

    chosen = choices(torch.get_num_threads()).shared_choice(_kind(layer, shape), products, measure)
    return products[chosen]


def _step(layer: PackedConv, shape: Sequence[int]) -> Callable[[], None]:
    """A step of training to time: forward and both gradients."""
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
    """The properties of a layer on which the speed of its training depends, as one line."""
    mask, device = existing(layer), layer.weight.device
    processor = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    properties = (
        tuple(mask.shape), layer.stride, layer.padding, layer.dilation, tuple(shape),
        int(mask.sum()), len(mask.flatten(1).unique(dim=0)), processor,
    )  # fmt: skip
    return f"training conv {' '.join(map(str, properties))}"
