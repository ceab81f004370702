"""Linear layers that are trained on the weights that exist: forward, both gradients, and the optimiser's state.

Predefined sparsity exists before training (Capogrosso et al., FDL 2024), so absent weights are never needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from bench.execution import native
from bench.execution.clock import wait
from bench.execution.lean.row_chunks import Chunked, dense, places
from bench.execution.program.choices import choices, quickest
from bench.execution.row_groups import groups_of
from bench.network.sparse.mask import mask_of

PRODUCTS = ("native", "scattered")
"""The operator of our own; and the dense kernel, whose weight is made anew at every step."""
ROUNDS = 3
"""Rounds in which products are compared."""


class PackedLinear(nn.Module):
    """A linear layer that holds only the weights that exist.

    Args:
        layer: its weights, mask and bias are copied; rows that read the same inputs are computed together.
        product: which of `PRODUCTS` computes it, both with equal results.
    """

    chunks: Tensor
    index: Tensor
    at: Tensor

    def __init__(self, layer: nn.Linear, product: str = "native") -> None:
        super().__init__()
        native.why_no_kernels()  # loads the kernels; without them PyTorch's own compute the operators
        mask = mask_of(layer)
        weight = layer.weight.detach()
        chunked = Chunked.of(groups_of(weight.cpu().numpy(), None if mask is None else mask.cpu().numpy()))
        self.in_features, self.out_features, self.product = layer.in_features, layer.out_features, product
        self.values = nn.Parameter(weight[chunked.rows, chunked.columns].clone()[None])
        """(1, nnz), chunk by chunk [place][row]; two dimensions, as those of one are taken for biases"""
        self.bias = nn.Parameter(
            torch.zeros(self.out_features) if layer.bias is None else layer.bias.detach().clone()
        )
        self.bias.requires_grad_(layer.bias is not None)
        self.register_buffer("chunks", chunked.chunks)
        self.register_buffer("index", chunked.index)
        self.register_buffer("at", torch.zeros(0, dtype=torch.int64), persistent=False)
        self._place()
        self.register_load_state_dict_post_hook(lambda own, _: own._place())

    def _place(self) -> None:
        """Note the number of every value's place in the dense weight, where the dense kernel computes."""
        if self.product == "scattered":
            rows, columns = places(self.chunks.cpu(), self.index.cpu())
            self.at = (rows * self.in_features + columns).to(self.values.device)

    def forward(self, x: Tensor) -> Tensor:
        """(N, ..., in_features) to (N, ..., out_features)."""
        if x.shape[-1] != self.in_features:
            raise ValueError(f"inputs of {x.shape[-1]} features for a layer that takes {self.in_features}")
        if self.product == "scattered":
            weight = self.values.new_zeros(self.out_features * self.in_features)
            weight = weight.index_copy_(0, self.at, self.values[0]).view(self.out_features, self.in_features)
            return torch.nn.functional.linear(x, weight, self.bias)
        rows = x.reshape(-1, self.in_features)
        y = torch.ops.seesaw.linear(rows, self.values, self.bias, self.chunks, self.index)
        return y.reshape(*x.shape[:-1], self.out_features)

    def weight(self) -> Tensor:
        """The weights in their places, (out_features, in_features), zeros between."""
        return dense(self.values.detach(), self.chunks, self.index, self.out_features, self.in_features)


def fastest_linear(layer: nn.Linear, shape: Sequence[int]) -> str:
    """Which of `PRODUCTS` takes a step of training fastest here, measured once for each machine and kind of layer.

    Args:
        layer: with its mask.
        shape: of a batch of its inputs.
    """
    mask, device = mask_of(layer), layer.weight.device
    processor = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    weights = layer.weight.numel() if mask is None else int(mask.sum())
    groups = 1 if mask is None else len(mask.unique(dim=0))
    kind = f"training linear {tuple(layer.weight.shape)} {tuple(shape)} {weights} {groups} {processor}"

    def measure() -> str:
        steps = [_step(PackedLinear(layer, product).to(device), shape) for product in PRODUCTS]
        return PRODUCTS[quickest(steps, ROUNDS)]

    return choices(torch.get_num_threads()).shared_choice(kind, PRODUCTS, measure)


def _step(layer: PackedLinear, shape: Sequence[int]) -> Callable[[], None]:
    """A step of training to time: forward and both gradients."""
    x = torch.ones(*shape, dtype=layer.values.dtype, device=layer.values.device, requires_grad=True)
    with torch.no_grad():
        back = layer(x)

    def run() -> None:
        with torch.enable_grad():
            layer(x).backward(back)
        wait(x.device)

    return run


native.library.define("linear(Tensor x, Tensor values, Tensor bias, Tensor chunks, Tensor index) -> Tensor")
native.library.define(
    "linear_backward(Tensor gradient, Tensor x, Tensor values, Tensor chunks, Tensor index, bool inputs)"
    " -> (Tensor, Tensor)"
)


def _plain(x: Tensor, values: Tensor, bias: Tensor, chunks: Tensor, index: Tensor) -> Tensor:
    """The operator by PyTorch alone."""
    return torch.addmm(bias, x, dense(values, chunks, index, len(bias), x.shape[1]).t())


def _plain_backward(
    gradient: Tensor, x: Tensor, values: Tensor, chunks: Tensor, index: Tensor, inputs: bool
) -> tuple[Tensor, Tensor]:
    rows, columns = places(chunks, index)
    grown = (gradient.t() @ x)[rows, columns].reshape(values.shape)
    if not inputs:
        return x.new_empty(0), grown
    return gradient @ dense(values, chunks, index, gradient.shape[1], x.shape[1]), grown


native.library.impl("linear", _plain, "CompositeExplicitAutograd")
native.library.impl("linear_backward", _plain_backward, "CompositeExplicitAutograd")


@torch.library.register_fake("seesaw::linear", lib=native.library)
def _(x: Tensor, values: Tensor, bias: Tensor, chunks: Tensor, index: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], bias.shape[0])


@torch.library.register_fake("seesaw::linear_backward", lib=native.library)
def _(
    gradient: Tensor, x: Tensor, values: Tensor, chunks: Tensor, index: Tensor, inputs: bool
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape if inputs else 0), torch.empty_like(values)


def _save(ctx, inputs, output) -> None:
    x, values, _, chunks, index = inputs
    ctx.save_for_backward(x, values, chunks, index)


@once_differentiable
def _backward(ctx, gradient: Tensor):
    x, values, chunks, index = ctx.saved_tensors
    back, grown = torch.ops.seesaw.linear_backward(
        gradient, x, values, chunks, index, ctx.needs_input_grad[0]
    )
    return back if ctx.needs_input_grad[0] else None, grown, gradient.sum(0), None, None


torch.library.register_autograd("seesaw::linear", _backward, setup_context=_save, lib=native.library)
