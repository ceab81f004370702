"""Monarch: a weight matrix is a product of two block-diagonal ones with a permutation between.

Dao et al., "Monarch: Expressive Structured Matrices for Efficient and Accurate Training", ICML 2022:
M = P L P' R. Here R and L are grouped 1x1 convolutions and P is a channel shuffle; in a convolution R has the
kernel and L mixes its channels (interleaved group convolution, Zhang et al., ICCV 2017). Predefined, with no
index at all.
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from bench import Density, Infeasible, Layer, Masking, Net, SeesawError, degree


class Monarch(Masking):
    """Structured factors: two block-diagonal products instead of each sparse layer."""

    density: Density = 0.125
    """weights of the two factors over those of the layer they replace"""
    nearest: bool = True
    """whether a layer may take its nearest feasible density; two factors hardly ever have a round one"""

    def replace(self, net: Net, cut: int | None = None) -> None:
        for name, layer in self.sparse(net, cut).items():
            try:
                inner = self.inner(tuple(layer.weight.shape))
            except Infeasible as error:
                raise SeesawError(f"{name}: {error}. Ask for one of these, or leave nearest=true.") from error
            if inner * unit(tuple(layer.weight.shape)) >= 1:
                continue  # a layer so small that two factors would be no fewer weights stays one
            parent, _, place = name.rpartition(".")
            setattr(net.get_submodule(parent), place, Factors(layer, inner))

    def inner(self, shape: Sequence[int]) -> int:
        """Channels between the factors for each block, at least one.

        Raises:
            SeesawError: no whole number of them makes the density; the nearest ones are named.
        """
        one = unit(shape)
        count = max(1, round(self.density / one))
        if not self.nearest and not degree.same(count * one, self.density):
            near = dict.fromkeys(max(1, n) for n in (int(self.density / one), int(self.density / one) + 1))
            where = f"as two factors of {shape[1]} inputs and {shape[0]} outputs"
            raise Infeasible(self.density, where, {n * one: "" for n in near})
        return count


def unit(shape: Sequence[int]) -> float:
    """The weights of two factors with one channel between them for each block, over those of the layer."""
    outputs, inputs, *kernel = shape
    return (inputs * math.prod(kernel) + outputs) / math.prod(shape)


class Factors(nn.Module):
    """P L P' R in place of a layer.

    The weights number `inner` times its inputs and outputs, whatever the number of blocks. That is the
    largest with which every input still reaches every output and the inner width is no larger than the
    layer's.

    Args:
        layer: a linear layer or a 2-D convolution; gives shapes, stride, padding, bias, device, and its
            weights' deviation, so that the product starts as the layer would.
        inner: channels between the factors for each block.

    Raises:
        SeesawError: another kind of layer.
    """

    def __init__(self, layer: Layer, inner: int) -> None:
        super().__init__()
        outputs, inputs = layer.weight.shape[:2]
        divisors = [n for n in range(1, inner + 1) if math.gcd(inputs, outputs) % n == 0]
        self.blocks = max((n for n in divisors if n * inner <= max(inputs, outputs)), default=1)
        width, bias = self.blocks * inner, layer.bias is not None
        at = {"device": layer.weight.device, "dtype": layer.weight.dtype}
        if isinstance(layer, nn.Linear):
            self.right = nn.Conv1d(inputs, width, 1, groups=self.blocks, bias=False, **at)
            self.left = nn.Conv1d(width, outputs, 1, groups=self.blocks, bias=bias, **at)
        elif isinstance(layer, nn.Conv2d):
            place = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
            kernel = (layer.kernel_size[0], layer.kernel_size[1])
            self.right = nn.Conv2d(inputs, width, kernel, groups=self.blocks, bias=False, **place, **at)
            self.left = nn.Conv2d(width, outputs, 1, groups=self.blocks, bias=bias, **at)
        else:
            raise SeesawError(
                f"monarch knows linear layers and 2-D convolutions, not {type(layer).__name__}. Choose another."
            )
        if not layer.weight.is_meta:
            # R keeps the variance of its inputs, and L changes it as the layer would
            nn.init.normal_(self.right.weight, std=self.right.weight[0].numel() ** -0.5)
            gain = layer.weight[0].numel() ** 0.5 * float(layer.weight.detach().std(correction=0))
            nn.init.normal_(self.left.weight, std=gain * inner**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.left, nn.Conv1d):
            return self.product(x.reshape(-1, x.shape[-1], 1)).reshape(*x.shape[:-1], -1)
        return self.product(x)

    def product(self, x: Tensor) -> Tensor:
        """L after the shuffle after R, on channels in dimension 1."""
        shuffled = self.right(x).unflatten(1, (self.blocks, -1)).transpose(1, 2).flatten(1, 2)
        return self.left(shuffled)
