"""Borders: where a graph falls into stages, at tensors that every path from input to output passes.

Such a tensor is a dominator of the output. Between two dominators nothing else is alive, so one sweep in the order of
execution finds them all. Stages begin at the blocks of the network, as its author nests modules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from torch import fx, nn

from bench.errors import SeesawError, counted
from bench.network.graph.stages import last_to_first
from bench.network.graph.trace import PATH
from bench.network.graph.values import Shape, Values

LISTS = nn.Sequential, nn.ModuleList, nn.ModuleDict


@dataclass(frozen=True)
class Segment:
    """The operations from one dominator to the next.

    Attributes:
        nodes: in the order of execution; the last one is the dominator.
        unit: path of the block that it lies in, or empty where it lies in none.
        weighs: whether a product with weights is in it.
        macs: of one sample.
    """

    nodes: tuple[fx.Node, ...]
    unit: str
    weighs: bool
    macs: int


@dataclass(frozen=True)
class Piece:
    """Segments that make a stage: its name, as the module names the block, and its last operation."""

    name: str
    end: fx.Node
    macs: int


def data_nodes(values: Values, graph: fx.Graph, answer: fx.Node) -> list[fx.Node]:
    """The operations on the way from the input to the answer that give tensors, in the order of execution."""
    needed, behind = {answer}, set[fx.Node]()
    for node in reversed(graph.nodes):
        if node in needed:
            needed |= {one for one in node.all_input_nodes if values.is_tensor(one)}
    for node in graph.nodes:
        if node.op == "placeholder" or (
            values.is_tensor(node) and not behind.isdisjoint(node.all_input_nodes)
        ):
            behind.add(node)
    return [node for node in graph.nodes if node in needed and node in behind]


def dominators(values: Values, nodes: Sequence[fx.Node]) -> list[int]:
    """The numbers of those operations whose one tensor every path from the input to the answer passes.

    Args:
        values: of all operations.
        nodes: of `data_nodes`.
    """
    number = {node: place for place, node in enumerate(nodes)}
    found, alive = [], 0
    for place, node in enumerate(nodes):
        value = values.of[node]
        if alive <= place and isinstance(value, Shape) and value.crosses:
            found.append(place)
        alive = max([alive, *(number[user] for user in node.users if user in number)])
    return found


def segments(module: nn.Module, values: Values, nodes: Sequence[fx.Node]) -> list[Segment]:
    """The operations from dominator to dominator, with the blocks that they lie in.

    A tensor that would be turned (`last_to_first`) and whose numbers do not lie side by side in memory is passed over:
    what arrives does, and the operations behind might round otherwise.
    """
    ends = [
        place
        for place in dominators(values, nodes)
        if place and (values.of[nodes[place]].order or last_to_first(module, values, nodes[place]) is None)
    ]
    if not ends or ends[-1] != len(nodes) - 1:
        ends.append(len(nodes) - 1)
    modules, found = dict(module.named_modules(remove_duplicate=False)), []
    closed = _closed(modules, nodes, set(ends))
    start = 1
    for end in ends:
        part = tuple(nodes[start : end + 1])
        units = [_unit(path_of(node), modules, closed) for node in part]
        weights = [_weighs(node, modules) for node in part]
        heavy = next((unit for unit, weighs in zip(units, weights, strict=True) if unit and weighs), "")
        unit = heavy or next(filter(None, units), "")
        found.append(Segment(part, unit, any(weights), sum(values.macs[node] for node in part)))
        start = end + 1
    return found


def path_of(node: fx.Node) -> str:
    """The path of the module that a call runs, or in whose forward an operation stands."""
    return str(node.target) if node.op == "call_module" else node.meta.get(PATH, "")


def pieces(parts: Sequence[Segment]) -> list[Piece]:
    """Segments joined to stages: each begins with a block, or with a layer that stands in none."""
    groups: list[list[Segment]] = []
    weighty = False
    for _, run in groupby(enumerate(parts), lambda pair: pair[1].unit or pair[0]):
        block = [part for _, part in run]
        weighs = any(part.weighs for part in block)
        if not groups or (weighty and weighs):
            groups.append(block)
            weighty = weighs
        else:
            groups[-1].extend(block)
            weighty |= weighs
    return [Piece(_name(group), group[-1].nodes[-1], sum(one.macs for one in group)) for group in groups]


def _name(group: Sequence[Segment]) -> str:
    named = [one.unit for one in group if one.weighs and one.unit] or [one.unit for one in group if one.unit]
    return named[0] if named else str(group[0].nodes[-1])


def joined(stages: Sequence[Piece], cuts: int) -> list[Piece]:
    """Fewer stages, with so many cuts between them, nearest to equal shares of the MACs.

    Raises:
        SeesawError: there are not so many places to cut.
    """
    most = len(stages) - 1
    if cuts > most:
        raise SeesawError(
            f"This network can be cut at {counted(most, 'place')}, not at {cuts}. Give cuts={most} or fewer."
        )
    total, done, shares = sum(one.macs for one in stages) or 1, 0.0, []
    for one in stages:
        done += one.macs
        shares.append(done / total)
    ends: list[int] = []
    for number in range(cuts):
        free = range(ends[-1] + 1 if ends else 0, most - (cuts - 1 - number))
        target = (number + 1) / (cuts + 1)
        ends.append(min(free, key=lambda place: abs(shares[place] - target)))
    starts = [0, *(end + 1 for end in ends)]
    return [
        Piece(stages[start].name, stages[end].end, sum(one.macs for one in stages[start : end + 1]))
        for start, end in zip(starts, [*ends, most], strict=True)
    ]


def _weighs(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether an operation has weights that are more than a number a channel."""
    if node.op == "call_module":
        own = modules[str(node.target)]
        return any(one.squeeze().dim() > 1 if one.dim() < 3 else True for one in own.parameters())
    return False


def _inside(path: str) -> Iterator[str]:
    """The paths of all modules that one lies in, from the outermost child of the root, and its own."""
    words = path.split(".") if path else []
    return (".".join(words[: length + 1]) for length in range(len(words)))


def _unit(path: str, modules: dict[str, nn.Module], closed: set[type[nn.Module]]) -> str:
    """The outermost module on a path that is not opened."""
    return next((one for one in _inside(path) if not _opened(modules.get(one), closed)), "")


def _opened(module: nn.Module | None, closed: set[type[nn.Module]]) -> bool:
    if module is None or type(module) in LISTS:
        return True
    return type(module) not in closed and _list_inside(module)


def _list_inside(module: nn.Module) -> bool:
    """Whether a list of at least two modules with children lies in a module, or is it."""
    return any(map(_is_long, module.modules()))


def _is_long(module: nn.Module) -> bool:
    children = module.children() if isinstance(module, LISTS) else ()
    return sum(next(child.children(), None) is not None for child in children) > 1


def _closed(modules: dict[str, nn.Module], nodes: Sequence[fx.Node], ends: set[int]) -> set[type[nn.Module]]:
    """The classes of modules that are blocks: in one of them, at least, no border lies between children of a list."""
    crossed: dict[str, bool] = defaultdict(bool)
    lists = {path for path, one in modules.items() if isinstance(one, LISTS)}
    paths = [path_of(node) for node in nodes]
    for place, (here, there) in enumerate(pairwise(paths)):
        ancestors, others = list(_inside(here)), set(_inside(there))
        common = [one for one in ancestors if one in others]
        inner = common[-1] if common else ""
        border = place in ends and inner in lists and here != there
        for one in common:
            crossed[one] |= border
    return {
        type(modules[path])
        for path, border in crossed.items()
        if not border and path in modules and any(map(_is_long, [modules[path], *modules[path].children()]))
    }
