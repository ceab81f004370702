"""Layers: the operations of a network with MACs and bytes, of the whole or of each stage and head by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import fx, nn

from bench.errors import SeesawError
from bench.kinds.backbone import Backbone
from bench.kinds.build import seeded, untrained
from bench.kinds.exits import Exits
from bench.kinds.method import Method
from bench.kinds.task import Task
from bench.network.graph.dag import Dag
from bench.network.graph.rows import height_of, window_of
from bench.network.net import Sample
from bench.plugins.plugin import choose
from bench.records.graph import Edge, Graph, Operation, Rows
from bench.records.record import Record
from bench.records.setup import spec_of


@dataclass(frozen=True)
class Layers:
    """The operations of a network's parts, without times.

    Attributes:
        stages: a graph for each.
        heads: a graph for each exit's.
        behind: the stage that each head hangs on.
    """

    stages: tuple[Graph, ...]
    heads: tuple[Graph, ...]
    behind: tuple[int, ...]


def layers_of(run: Record) -> Layers:
    """The operations of the network that a record names, built from its plugins with first weights.

    They are those of dense layers: which weights a method hides says nothing of them.

    Raises:
        SeesawError: a plugin is a draft, or a stage or head cannot be followed.
    """
    setup = run.setup
    task = choose(Task, spec_of(setup.task)).plugin
    about = (task if setup.inputs is None else task.fitted(setup.inputs)).about()
    about = replace(about, inputs=setup.inputs)
    backbone, method, exits = (
        choose(kind, spec_of(one)).plugin
        for kind, one in ((Backbone, setup.backbone), (Method, setup.method), (Exits, setup.exits))
    )
    with seeded(0):
        _, net = untrained(backbone, method, exits, about, cut=setup.cut)  # pyright: ignore[reportArgumentType]
    shapes = [about.sample, *(Sample(shape) for shape in net.shapes)]
    linked = [stage for stage in net.exits if net.linked(stage)]
    if linked:
        raise SeesawError(
            f"The head on stage {linked[0]} reads the logits of earlier heads, so its operations cannot be followed alone. Time this "
            "network on the device: seesaw profile."
        )
    stages = [
        _part(stage, shapes[number], shapes[number + 1].shape, f"stage {number}", inner=number > 0)
        for number, stage in enumerate(net.stages)
    ]
    heads = [
        _part(net.head(stage), shapes[stage + 1], (net.classes,), f"head on stage {stage}", inner=True)
        for stage in net.exits
    ]
    return Layers(tuple(stages), tuple(heads), net.exits)


def _part(module: nn.Module, sample: Sample, gives: tuple[int, ...], name: str, *, inner: bool) -> Graph:
    """The operations of a part, and behind them the input of the next one, which takes no time, so that what it gives is counted."""
    graph = graph_of(Dag.of(module, sample), name, sample, inner=inner)
    last = len(graph.operations)
    return Graph(
        model=name, sample=sample.shape, operations=(*graph.operations, Operation(name="next", kind="input")),
        edges=(*graph.edges, Edge(source=last - 1, users=(last,), bytes=4 * math.prod(gives))),
    )  # fmt: skip


def graph_of(dag: Dag, model: str, sample: Sample, *, inner: bool = False) -> Graph:
    """The numbers of a graph, without times.

    An image crosses as bytes, one each number; a feature as float32. What a layer weighs counts where it is used first.

    Args:
        dag: of the network.
        model: its spec.
        sample: form of one input.
        inner: whether the input is a feature, and so never an image.
    """
    number_of, seen = dag.of_node(), set[int]()
    operations, edges = [], []
    for number, nodes in enumerate(dag.groups):
        window = window_of(dag, number)
        operations.append(
            Operation(
                name=dag.name(number), kind=dag.kind(number), macs=sum(dag.values.macs[node] for node in nodes),
                parameters=sum(_parameters(dag, node, seen) for node in nodes), height=height_of(dag, number),
                rows=None if window is None else Rows(**window._asdict()),
            )
        )  # fmt: skip
        for node in nodes:
            users = sorted({number_of[user] for user in node.users if user in number_of} - {number})
            if users:
                edges.append(Edge(source=number, users=tuple(users), bytes=_bytes(dag, node, inner=inner)))
    return Graph(model=model, sample=sample.shape, operations=tuple(operations), edges=tuple(edges))


def _bytes(dag: Dag, node: fx.Node, *, inner: bool) -> int:
    _, *rest = dag.values.of[node].sizes
    each = 1 if node.op == "placeholder" and len(rest) == 3 and not inner else 4
    return each * int(torch.Size(rest).numel())


def _parameters(dag: Dag, node: fx.Node, seen: set[int]) -> int:
    """Bytes of the weights that a call uses and that no call before it has used."""
    if node.op != "call_module":
        return 0
    own = [one for one in dag.module.get_submodule(str(node.target)).parameters() if id(one) not in seen]
    seen.update(map(id, own))
    return sum(one.numel() * one.element_size() for one in own)
