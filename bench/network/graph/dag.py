"""Dag: a module's operations and the tensors between them, and its parts on several machines.

A tensor may be sent if its first size follows the batch and its numbers lie side by side in memory; operations between
which another tensor lies run on one machine, and so does what lies between such operations on any path. Where several
tensors cross a border, each is sent once. What arrives is laid out in memory as it was, so parts answer as the whole does,
bit for bit. Numbers that hang on the batch are computed anew, so a server may join the tensors of several clients.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from torch import Tensor, fx, nn

from bench.errors import SeesawError
from bench.network.graph.borders import data_nodes, path_of
from bench.network.graph.capture import answer_of, put_first
from bench.network.graph.stages import inverse, number
from bench.network.graph.trace import trace
from bench.network.graph.values import Shape, Values, values_of
from bench.network.net import Sample


@dataclass(frozen=True)
class Dag:
    """A module as operations.

    Attributes:
        module: that was traced; its layers are shared.
        graph: of its calls.
        values: of these.
        groups: operations in an order of execution, each of calls that run on one machine; the input first, the answer
            in the last one.
    """

    module: nn.Module
    graph: fx.Graph
    values: Values
    groups: tuple[tuple[fx.Node, ...], ...]

    @classmethod
    def of(cls, module: nn.Module, sample: Sample, prepare: nn.Module | None = None) -> Dag:
        """The operations of a module in eval mode.

        Args:
            module: takes a batch (N, *sample) and gives logits. It is the caller's to give away.
            sample: form of one input.
            prepare: runs on the samples first.

        Raises:
            SeesawError: its forward cannot be followed, or samples do not fit.
        """
        module.eval()
        graph = trace(module)
        entry = next(node for node in graph.nodes if node.op == "placeholder")
        if prepare is not None:
            put_first(module, graph, entry, prepare)
        values = values_of(module, graph, sample)
        output = next(node for node in graph.nodes if node.op == "output")
        nodes = data_nodes(values, graph, answer_of(output.args[0]))
        if len(nodes) < 2:
            raise SeesawError(
                f"{type(module).__name__} does not use its input. Give a module that classifies."
            )
        return cls(module, graph, values, _groups(values, nodes))

    def of_node(self) -> dict[fx.Node, int]:
        """The number of the group of each call."""
        return {node: place for place, nodes in enumerate(self.groups) for node in nodes}

    def name(self, group: int) -> str:
        """The path of the layer that an operation calls first, or its name in the graph."""
        first = self.groups[group][0]
        return path_of(first) if first.op == "call_module" else first.name

    def kind(self, group: int) -> str:
        """The class of its layer, or the name of its function; with how many follow, where they are several."""
        first, *others = self.groups[group]
        if first.op == "placeholder":
            word = "input"
        elif first.op == "call_module":
            word = type(self.module.get_submodule(str(first.target))).__name__
        else:
            word = (
                first.target if isinstance(first.target, str) else getattr(first.target, "__name__", "call")
            )
        return f"{word} and {len(others)} more" if others else str(word)

    def sent(self, tiers: Sequence[int], link: int) -> list[fx.Node]:
        """The tensors that cross a link, in the order of execution.

        Args:
            tiers: of each group, from 0; none before one that it needs.
            link: from tier `link` - 1 to tier `link`.
        """
        number_of = self.of_node()
        return [
            node
            for node, group in number_of.items()
            if tiers[group] < link
            and any(tiers[number_of[user]] >= link for user in node.users if user in number_of)
        ]

    def parts(self, tiers: Sequence[int]) -> list[Part]:
        """A module for each tier: it takes the tensors that arrive there, and gives those that go on.

        A part behind the answer gives on what it takes, and so does one to which nothing was placed.

        Args:
            tiers: of each group, from 0 to the last tier, none before one that it needs; the input's is 0.

        Raises:
            SeesawError: a group lies on a tier before one that it needs.
        """
        number_of = self.of_node()
        for node, group in number_of.items():
            for user in node.users:
                if user in number_of and tiers[number_of[user]] < tiers[group]:
                    raise SeesawError(
                        f"{self.name(number_of[user])} is placed before {self.name(group)}, whose tensor it needs. Place it on the "
                        "same tier or a later one."
                    )
        if tiers[0] != 0:
            raise SeesawError("The input is on the device. Place operation 0 on tier 0.")
        answer, arriving, made = self.groups[-1][-1], [self.groups[0][0]], []
        for tier in range(max(tiers) + 1):
            leaving = self.sent(tiers, tier + 1) if tier < tiers[-1] else [answer]
            made.append(Part(self, arriving, leaving, first=tier == 0))
            arriving = leaving
        return made


class Part(nn.Module):
    """The operations between the tensors that arrive and those that go on: a list of tensors to a list of tensors."""

    def __init__(
        self, dag: Dag, arriving: list[fx.Node], leaving: list[fx.Node], *, first: bool = False
    ) -> None:
        super().__init__()
        graph = fx.Graph()
        placeholders = [graph.placeholder(f"x{place}") for place in range(len(arriving))]
        env: dict[fx.Node, Any] = {
            node: x if first else _as_it_lay(graph, x, dag.values.of[node])
            for node, x in zip(arriving, placeholders, strict=True)
        }
        needed = _needed(dag.values, set(arriving), leaving)
        for node in dag.graph.nodes:
            if node in needed:
                if dag.values.is_tensor(node) or node.op == "get_attr":
                    env[node] = graph.node_copy(node, lambda one: env[one])
                else:
                    env[node] = number(graph, placeholders[0], dag.values.of[node])
        graph.output([env[node] for node in leaving])
        graph.lint()
        self.inner = fx.GraphModule(dag.module, graph, "Part")
        self.arriving, self.leaving = [node.name for node in arriving], [node.name for node in leaving]

    def forward(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The tensors that go on, by those that arrived: each (N, ...), in the order of `arriving` and `leaving`."""
        return self.inner(*tensors)


def may_cross(value: object) -> bool:
    """Whether a value is a tensor that may be sent."""
    return isinstance(value, Shape) and value.crosses and value.order is not None


def _groups(values: Values, nodes: Sequence[fx.Node]) -> tuple[tuple[fx.Node, ...], ...]:
    """Calls joined where the tensor between them may not be sent, in an order of execution.

    With a way back along each such tensor, what must run together is strongly connected: also what lies between two
    joined calls on another path, and would have to come back to their machine.
    """
    places = {node: place for place, node in enumerate(nodes)}
    users = [sorted(places[user] for user in node.users if user in places) for node in nodes]
    ways: list[list[int]] = [list(one) for one in users]
    for place, node in enumerate(nodes):
        if node.op != "placeholder" and not may_cross(values.of[node]):
            for user in users[place]:
                ways[user].append(place)
    member = strongly_connected(ways)
    waits, group_users = Counter[int](), defaultdict[int, set[int]](set)
    for place, after in enumerate(users):
        group_users[member[place]] |= {member[user] for user in after} - {member[place]}
    for after in group_users.values():
        waits.update(after)
    inside = defaultdict[int, list[fx.Node]](list)
    for place, node in enumerate(nodes):
        inside[member[place]].append(node)
    ready = [(places[inside[group][-1]], group) for group in inside if not waits[group]]
    order: list[tuple[fx.Node, ...]] = []
    while ready:
        _, group = heappop(ready)
        order.append(tuple(inside[group]))
        for user in group_users[group]:
            waits[user] -= 1
            if not waits[user]:
                heappush(ready, (places[inside[user][-1]], user))
    return tuple(order)


def strongly_connected(ways: Sequence[Sequence[int]]) -> list[int]:
    """For each place the number of its strongly connected group (Kosaraju and Sharir's two walks).

    Args:
        ways: from each place, the places that one comes to.
    """
    back: list[list[int]] = [[] for _ in ways]
    for place, others in enumerate(ways):
        for other in others:
            back[other].append(place)
    group = [-1] * len(ways)
    for count, start in enumerate(reversed(_finished(ways))):
        left = [start] if group[start] < 0 else []
        while left:
            place = left.pop()
            if group[place] < 0:
                group[place] = count
                left.extend(back[place])
    return group


def _finished(ways: Sequence[Sequence[int]]) -> list[int]:
    """The places in the order in which a walk in depth leaves them."""
    done, order = [False] * len(ways), []
    for start in range(len(ways)):
        if done[start]:
            continue
        done[start], left = True, [(start, iter(ways[start]))]
        while left:
            place, others = left[-1]
            other = next((one for one in others if not done[one]), None)
            if other is None:
                order.append(place)
                left.pop()
            else:
                done[other] = True
                left.append((other, iter(ways[other])))
    return order


def _needed(values: Values, arrived: set[fx.Node], leaving: Sequence[fx.Node]) -> set[fx.Node]:
    """The calls that tensors need beyond those that arrived; a number needs none, because it is computed anew."""
    needed, left = set[fx.Node](), list(leaving)
    while left:
        node = left.pop()
        if node in needed or node in arrived:
            continue
        needed.add(node)
        if values.is_tensor(node):
            left.extend(node.all_input_nodes)
    return needed


def _as_it_lay(graph: fx.Graph, x: fx.Node, shape: Shape) -> fx.Node:
    """A tensor that arrived with its dimensions in order, laid out in memory as where it was made."""
    order = shape.order
    if order is None or order == tuple(sorted(order)):
        return x
    x = graph.call_method("permute", (x, *order))
    x = graph.call_method("contiguous", (x,))
    return graph.call_method("permute", (x, *inverse(order)))
