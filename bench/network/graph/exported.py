"""Exported: a module whose forward no graph of calls can follow, as `torch.export` writes it down, on its own layers again.

An exported program is operations on tensors and weights, without modules. Those operations that one layer of the module has
made become a call of that layer again, so that masks, packed files and counts find it; what lies between layers stays
operations. Branches on shapes and flags are decided as in eval mode; branches on numbers cannot be exported.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from itertools import groupby

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_unflatten

from bench.network.graph.trace import PATH, Untraceable
from bench.network.net import Sample

MOST = 1 << 16
"""The largest batch that an exported program must take."""


def exported(module: nn.Module, sample: Sample, error: Untraceable) -> fx.Graph:
    """The graph of a module in eval mode, on the module's own layers and weights.

    Args:
        module: gets constants that its forward makes as buffers.
        sample: form of one input.
        error: why it cannot be followed call by call.

    Raises:
        Untraceable: it cannot be exported either; the sentence has both reasons.
    """
    device = next(iter([*module.parameters(), *module.buffers()]), torch.empty(0)).device
    batch = torch.export.Dim("batch", min=1, max=MOST)
    try:
        with _silent(), torch.no_grad():
            program = torch.export.export(
                module, (sample.blank(2, device),), dynamic_shapes=({0: batch},), strict=False
            )
            made = program.module(check_guards=False)
    except Exception as other:  # whatever a stranger's forward raises on tensors without numbers
        words, advice = str(error).rsplit(". ", 1)
        raise Untraceable(f"{words}, nor exported ({_reason(other)}). {advice}") from other
    graph = made.graph
    _without_changes(graph)
    _take_constants(module, made)
    for node in graph.nodes:
        node.meta[PATH] = _path(node)
    plain = fx.Graph()
    env: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        env[node] = plain.node_copy(node, env.__getitem__)
    output = next(node for node in plain.nodes if node.op == "output")
    output.args = (tree_unflatten(list(output.args[0]), program.call_spec.out_spec),)  # type: ignore[arg-type]
    _layers_again(module, plain)
    for node in reversed(list(plain.nodes)):  # assertions, and sizes that nothing needs
        if not node.users and node.op not in ("placeholder", "output"):
            plain.erase_node(node)
    plain.lint()
    return plain


@contextmanager
def _silent() -> Iterator[None]:
    """Within it nothing is printed or logged: torch.export prints whole programs before it raises."""
    before, nowhere = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(nowhere), redirect_stderr(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def _path(node: fx.Node) -> str:
    """The path of the innermost module whose forward made a node."""
    stack = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
    return str(stack[-1]) if stack else ""


def _call(node: fx.Node) -> str:
    """The innermost call that made a node: a layer that is called twice has two."""
    return next(reversed(node.meta.get("nn_module_stack") or {}), "")


def _without_changes(graph: fx.Graph) -> None:
    """Let operations that change their first argument make a new tensor, which later operations use."""
    places = {node: number for number, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        schema = getattr(node.target, "_schema", None)
        if node.op != "call_function" or schema is None or not schema.is_mutable:
            continue
        name, overload = schema.name.partition("::")[2], schema.overload_name or "default"
        first = node.args[0]
        new = getattr(getattr(torch.ops.aten, name.removesuffix("_"), None), overload, None)
        if not name.endswith("_") or new is None or not isinstance(first, fx.Node):
            raise Untraceable(f"{schema.name} changes a tensor in place. Let the forward make a new one.")
        for user in list(first.users):
            if places[user] > places[node]:
                user.replace_input_with(first, node)
        node.target = new


def _take_constants(module: nn.Module, made: nn.Module) -> None:
    """Give a module the tensors that its exported program has and it has not."""
    own = {
        name
        for name, _ in [
            *module.named_parameters(remove_duplicate=False),
            *module.named_buffers(remove_duplicate=False),
        ]
    }
    for node in made.graph.nodes:  # type: ignore[union-attr]
        if node.op == "get_attr" and node.target not in own:
            value = made
            for word in str(node.target).split("."):
                value = getattr(value, word)
            assert isinstance(value, Tensor)
            name = f"constant_{str(node.target).replace('.', '_')}"
            module.register_buffer(name, value.detach(), persistent=False)
            node.target = name


def _layers_again(module: nn.Module, graph: fx.Graph) -> None:
    """Let operations that a layer without children has made, of one tensor and to one tensor, be a call of the layer."""
    modules = dict(module.named_modules(remove_duplicate=False))
    nodes = [node for node in graph.nodes if node.op == "call_function"]
    for _, run in groupby(nodes, _call):
        part = list(run)
        path = part[0].meta[PATH]
        layer = modules.get(path)
        if layer is None or path == "" or next(layer.children(), None) is not None:
            continue
        inputs = {one for node in part for one in node.all_input_nodes if one.op != "get_attr"} - set(part)
        outputs = [node for node in part if any(user not in part for user in node.users)]
        if len(inputs) != 1 or len(outputs) != 1:
            continue
        with graph.inserting_before(part[0]):
            call = graph.call_module(path, (inputs.pop(),))
        call.meta[PATH] = path
        outputs[0].replace_all_uses_with(call)
        for node in reversed(part):
            graph.erase_node(node)
