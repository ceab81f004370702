"""Tiles: operations of a graph run on rows of their inputs, padded where the whole is padded and nowhere else.

Every output number is the same sum over the same numbers as in the whole; a library may add them up in another order where
a tile has another height, which can change the last bit of a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from bench.errors import SeesawError
from bench.network.fields import Span, needed, shares
from bench.network.graph.dag import Dag
from bench.network.graph.rows import height_of, window_of


def tiled(dag: Dag, first: int, last: int, x: Tensor, machines: int) -> Tensor:
    """What operations give, computed as so many tiles, each from no more rows than it needs, and joined.

    Args:
        dag: the graph.
        first: number of the first operation; only the one before it gives what they read.
        last: number of the last operation.
        x: tensor of the operation before the first one, (N, C, H, W).
        machines: that share the rows of the last operation's tensor.

    Raises:
        SeesawError: one of them needs whole maps.
    """
    own = [one for one in shares(height_of(dag, last), machines) if len(one)]
    spans = [rows_needed(dag, first, last, one) for one in own]
    parts = [
        tile(dag, first, last, x[:, :, one[first - 1].start : one[first - 1].stop], one) for one in spans
    ]
    return torch.cat(parts, 2)


def rows_needed(dag: Dag, first: int, last: int, rows: Span) -> dict[int, Span]:
    """For each operation from the one before the first, the rows of its tensor that rows of the last one's need.

    Raises:
        SeesawError: one of them needs whole maps, or reads a tensor from before them.
    """
    number_of = dag.of_node()
    spans = {last: rows}
    for number in range(last, first - 1, -1):
        window = window_of(dag, number)
        if window is None:
            raise SeesawError(
                f"{dag.name(number)} needs whole maps, so its rows cannot be shared. End the block before it."
            )
        for one in dag.groups[number][0].all_input_nodes:
            source = number_of[one]
            if source < first - 1:
                raise SeesawError(
                    f"{dag.name(number)} reads a tensor from before the block. Begin the block there."
                )
            read = needed(spans[number], height_of(dag, source), *window).rows
            spans[source] = spans.get(source, Span(0, 0)).joined(read)
    return spans


@torch.no_grad()
def tile(dag: Dag, first: int, last: int, x: Tensor, spans: dict[int, Span]) -> Tensor:
    """The rows of the last operation's tensor that one machine computes.

    Args:
        dag: the graph.
        first: number of the first operation.
        last: number of the last one.
        x: the rows `spans[first - 1]` of the tensor before it.
        spans: of `rows_needed`.
    """
    number_of = dag.of_node()
    tensors = {first - 1: x}
    for number in range(first, last + 1):
        (node,) = dag.groups[number]
        if not spans[number]:  # all that is read of it is padding
            _, channels, _, width = dag.values.of[node].sizes
            tensors[number] = x.new_empty(len(x), channels, 0, width)
            continue
        window = window_of(dag, number)
        assert window is not None
        read: dict[fx.Node, Any] = {}
        for one in node.all_input_nodes:
            source = number_of[one]
            rows, above, below = needed(spans[number], height_of(dag, source), *window)
            start = spans[source].start
            read[one] = _with_rows(
                tensors[source][:, :, rows.start - start : rows.stop - start], above, below, dag, node
            )
        tensors[number] = _run(dag, node, read)
    return tensors[last]


def _with_rows(x: Tensor, above: int, below: int, dag: Dag, node: fx.Node) -> Tensor:
    """A tile with the rows of padding that the whole has there; a maximum never takes one."""
    if not above and not below:
        return x
    is_maximum = isinstance(dag.module.get_submodule(str(node.target)), nn.MaxPool2d)
    return F.pad(x, (0, 0, above, below), value=-torch.inf if is_maximum else 0.0)


def _run(dag: Dag, node: fx.Node, read: dict[fx.Node, Any]) -> Tensor:
    """One operation on rows that are padded already."""
    args: Any = fx.map_arg(node.args, lambda one: read[one])
    kwargs: Any = fx.map_arg(node.kwargs, lambda one: read[one])
    if node.op == "call_method":
        own, *rest = args
        return getattr(own, str(node.target))(*rest, **kwargs)
    if node.op == "call_function":
        return node.target(*args, **kwargs)  # type: ignore[operator]
    layer = dag.module.get_submodule(str(node.target))
    x: Tensor = args[0]
    if isinstance(layer, nn.Conv2d):
        across = _across(layer)
        x = F.pad(x, across) if across[0] != across[1] else x
        beside = 0 if across[0] != across[1] else across[0]
        return F.conv2d(x, layer.weight, layer.bias, layer.stride, (0, beside), layer.dilation, layer.groups)
    if isinstance(layer, nn.MaxPool2d):
        beside = _pair(layer.padding)[1]
        size, step, apart = _pair(layer.kernel_size), _pair(layer.stride), _pair(layer.dilation)
        return F.max_pool2d(_filled(x, layer, beside), size, step, 0, apart)
    if isinstance(layer, nn.AvgPool2d):
        beside = _pair(layer.padding)[1]
        return F.avg_pool2d(
            F.pad(x, (beside, beside)),
            layer.kernel_size,
            layer.stride,
            0,
            divisor_override=layer.divisor_override,
        )
    return layer(x)


def _across(layer: nn.Conv2d) -> tuple[int, int]:
    """Padding of a convolution at the left and at the right."""
    if isinstance(layer.padding, str):
        whole = layer.dilation[1] * (layer.kernel_size[1] - 1) if layer.padding == "same" else 0
        return whole // 2, whole - whole // 2
    return layer.padding[1], layer.padding[1]


def _filled(x: Tensor, layer: nn.MaxPool2d, beside: int) -> Tensor:
    """A tile with columns that no maximum takes: the padding, and what a last window that is cut off lacks."""
    kernel, step, apart = _pair(layer.kernel_size)[1], _pair(layer.stride)[1], _pair(layer.dilation)[1]
    width, reach = x.shape[3], apart * (kernel - 1) + 1
    more = 0
    if layer.ceil_mode:
        columns = -(-(width + 2 * beside - reach) // step)
        if columns * step >= width + beside:  # PyTorch drops a window that would begin in the padding
            columns -= 1
        more = max(0, columns * step + reach - (width + 2 * beside))
    return F.pad(x, (beside, beside + more), value=-torch.inf)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
