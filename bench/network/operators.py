"""Operators: MACs of products that PyTorch's counter has no rule for, and which of the others are cheap."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import flop_registry

Shape = Sequence[int]
aten = torch.ops.aten


def _trilinear(first: Shape, weight: Shape, second: Shape, *own: Sequence[int]) -> int:
    """MACs of a bilinear layer as PyTorch runs it: `first` times `weight`, summed, and the result times `second`.

    Args:
        first: a shape.
        weight: a shape.
        second: a shape.
        own: the dimensions that each of them lacks, those that are summed, and one that is unrolled.
    """
    lacking, summed = own[:3], set(own[3])
    dims = len(first) + len(lacking[0])
    sizes = []
    for shape, without in zip((first, weight, second), lacking, strict=True):
        rest = iter(shape)
        sizes.append([1 if dim in without else next(rest) for dim in range(dims)])
    pair = [max(one, two) for one, two in zip(*sizes[:2], strict=True)]
    left = [1 if dim in summed and dim in lacking[2] else size for dim, size in enumerate(pair)]
    return math.prod(pair) + math.prod(max(one, two) for one, two in zip(left, sizes[2], strict=True))


PRODUCTS: dict[Callable[..., object], Callable[..., int]] = {
    aten.mv: lambda matrix, vector: math.prod(matrix),
    aten.addmv: lambda start, matrix, vector: math.prod(matrix),
    aten.dot: lambda one, two: math.prod(one),
    aten.vdot: lambda one, two: math.prod(one),
    aten.addr: lambda start, one, two: one[0] * two[0],
    aten.addbmm: lambda start, one, two: math.prod(one) * two[-1],
    aten._addmm_activation: lambda start, one, two: math.prod(one) * two[-1],
    aten._int_mm: lambda one, two: math.prod(one) * two[-1],
    aten._trilinear: _trilinear,
    # a difference, squared and added up, for every pair of rows
    aten._cdist_forward: lambda one, two, *rest: math.prod(one) * two[-2],
    aten._pdist_forward: lambda rows, *rest: rows[0] * (rows[0] - 1) // 2 * rows[1],
}
"""By operator, its MACs for the shapes of its arguments: what the counter lacks."""


def _flops(macs: Callable[..., int]) -> Callable[..., int]:
    return lambda *shapes, out_shape=None, **kwargs: 2 * macs(*shapes)


COUNTED = {operator: _flops(macs) for operator, macs in PRODUCTS.items()}
"""The same in the form of the counter, which counts a MAC as two."""

CHEAP_TAGS = {torch.Tag.pointwise, torch.Tag.reduction, torch.Tag.view_copy, torch.Tag.inplace_view}
CHEAP = (
    # new tensors, copies and places
    *("arange", "bernoulli", "cat", "clone", "copy", "empty", "eye", "fill", "flip", "full", "lift_fresh", "linspace"),
    *("new_", "normal", "ones", "rand", "repeat", "resize", "roll", "scalar_tensor", "set", "stack", "uniform", "zero"),
    *("_to_copy", "_unsafe_view", "_reshape_copy", "unsafe_split", "unsafe_chunk", "split_with_sizes", "im2col"),
    *("col2im", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle", "constant_pad_nd"),
    *("_pad_circular", "reflection_pad", "replication_pad", "index", "gather", "scatter", "select", "slice", "take"),
    *("embedding", "_embedding_bag", "masked", "nonzero", "tril", "triu", "diagonal", "_local_scalar_dense"),
    # a few steps a number
    *("native_batch_norm", "_native_batch_norm", "_batch_norm", "cudnn_batch_norm", "native_layer_norm"),
    *("native_group_norm", "_fused_rms_norm", "_softmax", "_log_softmax", "_safe_softmax", "native_dropout"),
    *("max_pool", "avg_pool", "_adaptive_avg_pool", "adaptive_max_pool", "fractional_max_pool", "upsample_"),
    *("_upsample_", "glu", "hardswish", "_prelu", "rrelu", "cumsum", "cumprod", "cummax", "cummin", "sort", "topk", "argsort"),
)  # fmt: skip
"""Beginnings of the names of operators without the tags that take a few steps for each number that they read or write."""

NOTABLE = 0.1
"""Operators on pairs of numbers that write more numbers than this share of all MACs are not cheap: a product that is written
as `*` and a sum writes one for each of its MACs, while what joins features comes to a few hundredths. In a narrow or sparse
network that is more, so additions, which join features and multiply nothing, are cheap however many there are."""

ADDITIONS = ("add", "add_")


class Uncounted(TorchDispatchMode):
    """Within this mode, the operators that compute something and that nobody has a rule for are listed."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.numbers: Counter[str] = Counter()
        self.unknown: set[str] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Of PyTorch's base: it would import the compiler (1.3 s) to keep it away from what nobody compiles."""
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        operator = func.overloadpacket
        if operator not in flop_registry and operator not in COUNTED and not func.is_view:
            name = operator.__name__ if func.namespace == "aten" else str(operator)
            self.calls[name] += 1
            pairs = torch.Tag.pointwise in func.tags and operator.__name__ not in ADDITIONS
            if pairs and len([one for one in args if isinstance(one, Tensor)]) > 1:
                self.numbers[name] += sum(one.numel() for one in tree_iter(out) if isinstance(one, Tensor))
            if not _cheap(name, func.tags):
                self.unknown.add(name)
        return out

    def costly(self, macs: int) -> dict[str, int]:
        """By name, the calls of those that are not known to be cheap beside so many MACs."""
        return {
            name: count
            for name, count in self.calls.items()
            if name in self.unknown or self.numbers[name] > NOTABLE * macs
        }


def _cheap(name: str, tags: Collection[torch.Tag]) -> bool:
    return not CHEAP_TAGS.isdisjoint(tags) or name.startswith(CHEAP)
