"""Stages: the parts of a graph between two of its tensors, as modules that share the layers of the whole.

Features go on with channels first, as everywhere in Seesaw: tokens (N, places, channels) and maps with channels last
are turned where they leave a stage, and turned back where the next one begins.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

from bench.network.graph.values import Linear, Shape, Values

NAME = "name"
"""Key of a stage's meta: the name of its block in the network that it comes from."""


def stage(
    module: nn.Module, graph: fx.Graph, values: Values, entry: fx.Node, end: fx.Node, name: str, last: bool
) -> fx.GraphModule:
    """The part of a graph from one tensor to another.

    Args:
        module: that was traced; its layers are shared.
        graph: of the whole.
        values: of its operations.
        entry: the operation whose tensor comes in.
        end: the operation whose tensor goes out.
        name: of the part.
        last: whether what goes out are logits, which are not turned.
    """
    part = fx.Graph()
    x = part.placeholder("x")
    came = x if entry.op == "placeholder" else _as_it_was(part, x, module, values, entry)
    env: dict[fx.Node, Any] = {entry: came}
    needed = _needed(values, entry, end)
    for node in graph.nodes:
        if node in needed:
            env[node] = (
                part.node_copy(node, lambda one: env[one])
                if values.is_tensor(node) or node.op == "get_attr"
                else number(part, came, values.of[node])
            )
    out = env[end]
    if not last and (turn := last_to_first(module, values, end)) is not None:
        out = part.call_method("permute", (out, *turn))
    part.output(out)
    part.lint()
    made = fx.GraphModule(module, part, "Stage")
    made.meta[NAME] = name
    return made


def _as_it_was(part: fx.Graph, x: fx.Node, module: nn.Module, values: Values, entry: fx.Node) -> fx.Node:
    """A tensor that came in with its dimensions, and with its numbers in memory, in the order that they had."""
    order = values.of[entry].order
    if (turned := last_to_first(module, values, entry)) is not None:
        x = part.call_method("permute", (x, *inverse(turned)))
    if order is None or (turned is None and order == tuple(sorted(order))):
        return x
    x = part.call_method("permute", (x, *order))
    x = part.call_method("contiguous", (x,))
    return part.call_method("permute", (x, *inverse(order)))


def _needed(values: Values, entry: fx.Node, end: fx.Node) -> set[fx.Node]:
    """The operations that an end needs beyond the entry; a number needs none, because it is computed anew."""
    needed, left = set[fx.Node](), [end]
    while left:
        node = left.pop()
        if node in needed or node is entry:
            continue
        needed.add(node)
        if values.is_tensor(node):
            left.extend(node.all_input_nodes)
    return needed


def number(part: fx.Graph, x: fx.Node, value: Any) -> Any:
    """A value that is no tensor, from the batch of the tensor that came in."""
    if isinstance(value, (tuple, list)):
        return tuple(number(part, x, one) for one in value)
    if isinstance(value, dict):
        return {key: number(part, x, one) for key, one in value.items()}
    if isinstance(value, torch.device):
        return part.call_function(getattr, (x, "device"))
    if not isinstance(value, Linear):
        return value
    found: Any = part.call_method("size", (x, 0))
    if value.slope != 1:
        found = part.call_function(operator.mul, (found, value.slope))
    return part.call_function(operator.add, (found, value.start)) if value.start else found


def last_to_first(module: nn.Module, values: Values, node: fx.Node) -> tuple[int, ...] | None:
    """The order of dimensions that brings a tensor's channels to the front; None where they stand there.

    The layers around tell where they stand: a linear layer or a layer norm has them last, a convolution or a
    batch norm first. Where none tells, a tensor of three dimensions is one of tokens.
    """
    shape = values.of[node]
    dims = len(shape.sizes) if isinstance(shape, Shape) else 0
    if dims < 3:
        return None
    channels = _axis(module, values, node, [node], forward=False)
    if channels is None:
        channels = _axis(module, values, node, list(node.users), forward=True)
    last = channels == -1 if channels is not None else dims == 3
    return (0, dims - 1, *range(1, dims - 1)) if last else None


def inverse(order: Sequence[int]) -> tuple[int, ...]:
    """The order of dimensions that undoes another."""
    return tuple(order.index(place) for place in range(len(order)))


def _axis(
    module: nn.Module, values: Values, node: fx.Node, begin: list[fx.Node], *, forward: bool
) -> int | None:
    """1 or -1 by the nearest layer before (or behind) a tensor that says where its channels stand, through
    operations that keep its shape.
    """
    sizes, left, seen = values.of[node].sizes, begin, set[fx.Node]()
    while left:
        one = left.pop(0)
        if one in seen or not isinstance(shape := values.of.get(one), Shape):
            continue
        seen.add(one)
        if one.op == "call_module" and (axis := _channels(module.get_submodule(str(one.target)), sizes)):
            return axis
        if shape.sizes == sizes:
            left.extend(one.users if forward else one.all_input_nodes)
    return None


def _channels(layer: nn.Module, sizes: tuple[int, ...]) -> int | None:
    """Where the channels of a tensor of these sizes stand, by a layer that makes or takes it."""
    if isinstance(layer, (nn.Conv2d, nn.Conv1d)):
        return 1 if sizes[1] in (layer.in_channels, layer.out_channels) else None
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        return 1 if sizes[1] == layer.num_features else None
    if isinstance(layer, nn.Linear):
        return -1 if sizes[-1] in (layer.in_features, layer.out_features) else None
    if isinstance(layer, nn.LayerNorm) and type(layer).__name__ != "LayerNorm2d":
        return -1 if sizes[-1] == layer.normalized_shape[-1] else None
    return None
