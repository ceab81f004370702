"""Trace: a module as a graph of calls of its own layers (`torch.fx`, level of modules).

Rules of the tracer, each found by a network that it failed on without it: a module without children stays whole;
so does a class in which tracing raises; results of in-place operations replace what they change; calls of dropout
follow train() and eval() as a module does, because tracing writes the mode down.
"""

from __future__ import annotations

import inspect
import operator
import traceback
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from bench.errors import SeesawError

PATH = "path"
"""Key of a node's meta: the path of the module whose forward made it, or of the leaf that it calls."""

IN_PLACE = {
    getattr(operator, f"i{name}"): getattr(operator, name)
    for name in ("add", "sub", "mul", "truediv", "floordiv", "pow", "mod", "matmul")
}
"""Operators that change their first argument, and those with the same result that do not."""

DROPOUTS = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)


class Untraceable(SeesawError):
    """The outermost forward does what no graph of calls can follow, such as a branch on numbers."""


class _Tracer(fx.Tracer):
    def __init__(self, leaves: set[type[nn.Module]]) -> None:
        super().__init__()
        self.leaves = leaves
        self.inside: list[tuple[nn.Module, str]] = []

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        childless = next(m.children(), None) is None
        return childless or type(m) in self.leaves or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        self.inside.append((m, self.path_of_module(m)))
        out = super().call_module(m, forward, args, kwargs)
        self.inside.pop()  # where it raises, the innermost module stays on top
        return out

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        node.meta[PATH] = self.inside[-1][1] if self.inside else ""
        return node


class Dropout(nn.Module):
    """A call of dropout from a forward, as a module: it follows train() and eval()."""

    def __init__(self, function: Any, p: float) -> None:
        super().__init__()
        self.function, self.p = function, p

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.p, self.training)


def trace(module: nn.Module) -> fx.Graph:
    """The graph of a module in eval mode, without operations that change their inputs.

    Args:
        module: its layers with `inplace=True` are set to make new tensors, and calls of dropout in its forwards
            are added to it as modules.

    Raises:
        Untraceable: the outermost forward cannot be followed.
    """
    for layer in module.modules():
        if getattr(layer, "inplace", None) is True:
            layer.inplace = False  # type: ignore[assignment]  # else it would change what has crossed a cut
    leaves: set[type[nn.Module]] = set()
    while True:
        tracer = _Tracer(leaves)
        try:
            graph = tracer.trace(module)
            break
        except Exception as error:  # whatever a stranger's forward raises on a proxy
            if not tracer.inside:
                raise Untraceable(
                    f"{type(module).__name__}.forward cannot be followed{_where(error)} ({_line(error)}). Put that part into "
                    "a module of its own, or leave it out of forward."
                ) from error
            leaves.add(type(tracer.inside[-1][0]))
    _rename_in_place(graph)
    _dropouts_as_modules(module, graph)
    graph.lint()
    return graph


def _where(error: Exception) -> str:
    """The line of the forward that raised, as source."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "/torch/fx/" not in one.filename]
    return f" at `{frames[-1].line}`" if frames and frames[-1].line else ""


def _line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "").rstrip(".") or type(error).__name__


def _rename_in_place(graph: fx.Graph) -> None:
    """Let later users of a tensor that is changed in place use the result, and make that a new tensor."""
    places = {node: number for number, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if not _changes_its_input(node):
            continue
        first = node.args[0]
        if isinstance(first, fx.Node):
            for user in list(first.users):
                if places[user] > places[node]:
                    user.replace_input_with(first, node)
        _make_new(node)


def _changes_its_input(node: fx.Node) -> bool:
    if not node.args:
        return False
    if node.op == "call_method":
        return _ends_in_one_underscore(str(node.target))
    if node.op != "call_function":
        return False
    # Python's own or_ and and_ end so too, as the words are taken
    is_operator = getattr(node.target, "__module__", "") == operator.or_.__module__
    named = not is_operator and _ends_in_one_underscore(getattr(node.target, "__name__", ""))
    return node.target in IN_PLACE or named or _inplace_argument(node) is True


def _ends_in_one_underscore(name: str) -> bool:
    return name.endswith("_") and not name.endswith("__")


def _inplace_argument(node: fx.Node) -> object:
    try:
        bound = inspect.signature(node.target).bind(*node.args, **node.kwargs)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # no signature, as built-in functions
        return None
    return bound.arguments.get("inplace")


def _make_new(node: fx.Node) -> None:
    """The same operation with a new tensor for its result."""
    if node.op == "call_method":
        node.target = str(node.target)[:-1]
    elif node.target in IN_PLACE:
        node.target = IN_PLACE[node.target]  # type: ignore[index]
    elif _inplace_argument(node) is True:
        names = list(inspect.signature(node.target).parameters)  # type: ignore[arg-type]
        place = names.index("inplace")
        if place < len(node.args):
            node.args = (*node.args[:place], False, *node.args[place + 1 :])
        else:
            node.kwargs = {**node.kwargs, "inplace": False}
    else:
        name = node.target.__name__[:-1]  # type: ignore[union-attr]
        node.target = getattr(torch, name, None) or getattr(F, name)


def _dropouts_as_modules(module: nn.Module, graph: fx.Graph) -> None:
    for number, node in enumerate([node for node in graph.nodes if node.target in DROPOUTS]):
        bound = inspect.signature(node.target).bind(*node.args, **node.kwargs).arguments  # type: ignore[arg-type]
        name = f"dropout_of_forward_{number}"
        module.add_module(name, Dropout(node.target, float(bound.get("p", 0.5))).train(module.training))
        node.op, node.target, node.args, node.kwargs = "call_module", name, (bound["input"],), {}
