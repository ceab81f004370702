"""Graph: the operations of a backbone's network, and their seconds from this machine's clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn

from bench.execution.clock import timed, where
from bench.execution.native import conditions
from bench.kinds.backbone import Backbone
from bench.kinds.bases.captured import Captured, Resize
from bench.machine import versions
from bench.measuring.profile import Limits
from bench.network.graph.dag import Dag
from bench.network.net import Sample
from bench.records.graph import Graph
from bench.records.reading import Reading


def dag_of(backbone: Backbone, sample: Sample, classes: int) -> Dag:
    """The operations of a backbone's network with its last classifier, with its first weights, in eval mode.

    Raises:
        SeesawError: its forward cannot be followed, or samples do not fit.
    """
    if isinstance(backbone, Captured):
        backbone.hold_width()
        size = backbone.size
        taken = sample if size is None else Sample((sample.shape[0], size, size), sample.dtype)
        return Dag.of(backbone.module(taken, classes), sample, None if size is None else Resize(size))
    stages, head = backbone.parts(sample, classes)
    if head is None:
        with torch.no_grad():
            shape = nn.Sequential(*stages).eval()(sample.blank()).shape[1:]
        head = backbone.head(tuple(shape), classes)
    return Dag.of(nn.Sequential(*stages, head), sample)


@torch.no_grad()
def with_times(
    dag: Dag,
    graph: Graph,
    x: Tensor,
    device: torch.device,
    limits: Limits,
    report: Callable[[str], None] = print,
) -> Graph:
    """The graph with the seconds of every operation, on the clock of this machine, one call each in turn.

    Args:
        dag: of the network, on `device`.
        graph: its numbers.
        x: a batch of one sample, on `device`.
        device: where it is timed.
        limits: of the timing.
        report: called with a line of text.
    """
    tensors = _Kept(dag.module, dag.graph).all_of(x)
    jobs = {
        number: _job(dag, nodes, tensors)
        for number, nodes in enumerate(dag.groups)
        if nodes[0].op != "placeholder"
    }
    report(f"{len(jobs)} operations")
    times = timed(jobs, device, limits.rounds, limits.seconds)
    source = f"clock, {where(device)}, batch 1, PyTorch call by call"
    readings = {number: one.reading(source) for number, one in times.items()}
    readings[0] = Reading(value=0.0, unit="s", source="the input, which is there")
    return graph.model_copy(
        update={
            "operations": tuple(
                one.model_copy(update={"seconds": readings[number]})
                for number, one in enumerate(graph.operations)
            ),
            "machine": conditions(device),
            "versions": versions(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


class _Kept(fx.Interpreter):
    """Runs a graph and keeps what every call gives."""

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__(fx.GraphModule(module, graph), garbage_collect_values=False)
        self.kept: dict[str, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.kept[n.name] = super().run_node(n)
        return self.kept[n.name]

    def all_of(self, x: Tensor) -> dict[str, Any]:
        """What every call gives for an input, by its name."""
        self.run(x)
        return self.kept


def _job(dag: Dag, nodes: tuple[fx.Node, ...], tensors: dict[str, Any]) -> Callable[[], object]:
    """A call that runs the operations of a group again, on what the others gave."""
    if len(nodes) == 1:
        (node,) = nodes
        args, kwargs = fx.map_arg((node.args, node.kwargs), lambda one: tensors[one.name])
        if node.op == "call_method":
            return partial(getattr(args[0], str(node.target)), *args[1:], **kwargs)
        return partial(_target(dag, node), *args, **kwargs)
    steps = [(node, _target(dag, node)) for node in nodes]

    def run() -> None:
        own: dict[str, Any] = {}
        for node, target in steps:
            args, kwargs = fx.map_arg(
                (node.args, node.kwargs), lambda one: own[one.name] if one.name in own else tensors[one.name]
            )
            if node.op == "call_method":
                target, *args = getattr(args[0], str(target)), *args[1:]
            own[node.name] = target(*args, **kwargs)

    return run


def _target(dag: Dag, node: fx.Node) -> Any:
    return dag.module.get_submodule(str(node.target)) if node.op == "call_module" else node.target
