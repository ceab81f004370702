"""Rows: which rows of its inputs an operation of a graph reads for rows of its output, where it does not need whole maps."""

from __future__ import annotations

import operator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import fx, nn

from bench.network.graph.dag import Dag
from bench.network.graph.values import Shape


class Window(NamedTuple):
    """Kernel, stride, padding above and dilation, in rows; numbers by themselves read one row for one."""

    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1


POINTWISE = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh),
    *(nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.Softplus, nn.Identity, nn.Dropout, nn.BatchNorm2d, nn.LocalResponseNorm),
)  # fmt: skip
"""Layers that, in eval mode, read of a map the place that they write, or its channels there."""
FUNCTIONS = {
    *(operator.add, operator.sub, operator.mul, torch.add, torch.sub, torch.mul, torch.relu, torch.sigmoid, torch.tanh),
    *(F.relu, F.relu6, F.leaky_relu, F.gelu, F.silu, F.mish, F.elu, F.hardswish, F.hardsigmoid, F.hardtanh),
}  # fmt: skip
METHODS = {"relu", "sigmoid", "tanh", "add", "sub", "mul", "contiguous"}


def height_of(dag: Dag, group: int) -> int:
    """Rows of the map that an operation gives, (N, C, H, W); 0 where it gives another tensor."""
    return _height(dag, dag.groups[group][-1])


def window_of(dag: Dag, group: int) -> Window | None:
    """The rows that an operation reads; None where it may need all of them."""
    (node, *others) = dag.groups[group]
    if others or not _height(dag, node):
        return None
    inputs = [one for one in node.all_input_nodes if dag.values.is_tensor(one)]
    heights = {_height(dag, one) for one in inputs}
    if len(heights) != 1 or 0 in heights:
        return None
    if node.op == "call_module":
        window = _of_layer(dag.module.get_submodule(str(node.target)))
    else:
        window = _of_call(node)
    if window is None or (window == Window() and heights != {_height(dag, node)}):
        return None
    return window


def _height(dag: Dag, node: fx.Node) -> int:
    value = dag.values.of.get(node)
    return value.sizes[2] if isinstance(value, Shape) and len(value.sizes) == 4 and value.crosses else 0


def _of_layer(layer: nn.Module) -> Window | None:
    if type(layer) in POINTWISE:
        return Window()
    if type(layer) is nn.Conv2d and layer.padding_mode == "zeros":
        kernel, stride, dilation = layer.kernel_size[0], layer.stride[0], layer.dilation[0]
        if isinstance(layer.padding, str):
            padding = dilation * (kernel - 1) // 2 if layer.padding == "same" else 0
        else:
            padding = layer.padding[0]
        return Window(kernel, stride, padding, dilation)
    if type(layer) is nn.MaxPool2d and not layer.return_indices:
        return Window(
            _first(layer.kernel_size), _first(layer.stride), _first(layer.padding), _first(layer.dilation)
        )
    if (
        type(layer) is nn.AvgPool2d
        and not layer.ceil_mode
        and (layer.count_include_pad or layer.padding in (0, (0, 0)))
    ):
        return Window(_first(layer.kernel_size), _first(layer.stride), _first(layer.padding))
    return None


def _of_call(node: fx.Node) -> Window | None:
    """Functions that read of maps the place that they write, or join their channels."""
    if node.target in (torch.cat, torch.concat):
        dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        return Window() if dim == 1 else None
    if node.op == "call_method":
        return Window() if node.target in METHODS else None
    return Window() if node.target in FUNCTIONS else None


def _first(size: int | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else size[0]
