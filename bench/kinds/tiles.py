"""Tiles: rows of a part of a graph dealt to several machines, the seconds that takes and the rows that they exchange.

A tile computes the rows that its machine owns at the end of a block, and, backwards from there, whatever rows they need: the
longer a block, the more rows are computed twice; the shorter, the more often machines exchange those at their borders. An
operation's seconds fall on its rows equally, which is a model: small tiles are slower by the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.errors import SeesawError
from bench.network.fields import Span, needed, shares
from bench.records.graph import Graph, Rows

POINTWISE = Rows()
"""The row that is written, and no other."""


@dataclass(frozen=True)
class Block:
    """Operations whose rows machines share, without an exchange among them.

    Attributes:
        first: number of the first operation.
        last: number of the last one.
        seconds: of the machine that computes longest.
        work: seconds of all machines together.
        needs: rows of the tensor before the first operation that each machine needs.
        owns: rows of the last operation's tensor that each machine has then.
    """

    first: int
    last: int
    seconds: float
    work: float
    needs: tuple[Span, ...]
    owns: tuple[Span, ...]


@dataclass(frozen=True)
class TileCost:
    """The cost of blocks that follow one another, from the machine that has the whole input to that which has the whole output.

    Attributes:
        seconds: of computing, of the slowest machine in each block.
        exchanged: bytes that the busiest machine sends or receives before each block, and behind the last.
    """

    seconds: float
    exchanged: tuple[float, ...]


def blocks_before(graph: Graph, seconds: np.ndarray, last: int, machines: int) -> Iterator[Block]:
    """The blocks that end with an operation, from the shortest on, as long as every operation reads rows.

    Args:
        graph: with the rows that operations read.
        seconds: of each operation, whole, float64 (operations,).
        last: number of an operation that is a border of the graph.
        machines: that share the rows, equally at the end.
    """
    borders = set(graph.borders)
    if last not in borders:
        raise SeesawError(
            f"{graph.operations[last].name} is no border: other tensors pass it by. End a block elsewhere."
        )
    owns = tuple(shares(graph.operations[last].height, machines))
    spans: dict[int, list[Span]] = {last: list(owns)}
    times = np.zeros(machines)
    for number in range(last, 0, -1):
        own = graph.operations[number]
        if own.rows is None or not own.height:
            return
        out = spans.pop(number)
        times += seconds[number] * np.array([len(one) for one in out]) / own.height
        for edge in graph.into[number]:
            height = graph.operations[edge.source].height
            rows, read = own.rows, out
            if rows != POINTWISE:
                read = [
                    needed(one, height, rows.kernel, rows.stride, rows.padding, rows.dilation).rows
                    for one in out
                ]
            before = spans.get(edge.source, [Span(0, 0)] * machines)
            spans[edge.source] = [a.joined(b) for a, b in zip(before, read, strict=True)]
        if number - 1 in borders:
            yield Block(number, last, float(times.max()), float(times.sum()), tuple(spans[number - 1]), owns)


def block_of(graph: Graph, seconds: np.ndarray, first: int, last: int, machines: int) -> Block:
    """One block.

    Raises:
        SeesawError: an operation in it needs whole tensors, or it begins behind no border.
    """
    for block in blocks_before(graph, seconds, last, machines):
        if block.first == first:
            return block
    raise SeesawError(
        f"The rows from {graph.operations[first].name} to {graph.operations[last].name} cannot be shared: an operation among them "
        "needs whole tensors, or another tensor passes the first one by. Choose other operations."
    )


def busiest(owns: Sequence[Span], needs: Sequence[Span]) -> int:
    """The most rows that a machine sends or receives where each has some rows, apart from one another, and needs others."""
    received = [need.missing(own) for own, need in zip(owns, needs, strict=True)]
    sent = [
        sum(len(need) - need.missing(own) for other, need in enumerate(needs) if other != machine)
        for machine, own in enumerate(owns)
    ]
    return max(*received, *sent)


def exchanged(graph: Graph, number: int, owns: Sequence[Span], needs: Sequence[Span]) -> float:
    """Bytes that the busiest machine sends or receives of an operation's tensor."""
    (edge,) = graph.out_of[number]
    return edge.bytes * busiest(owns, needs) / graph.operations[number].height


def host(height: int, machines: int) -> list[Span]:
    """The rows of a tensor that the first of several machines has alone."""
    return [Span(0, height), *[Span(height, height)] * (machines - 1)]


def tile_cost(graph: Graph, seconds: np.ndarray, run: Sequence[tuple[int, int, int]]) -> TileCost:
    """The cost of blocks that follow one another: the first machine has the input, and has the output at the end.

    Args:
        graph: with the rows that operations read.
        seconds: of each operation, float64 (operations,).
        run: of each block the first operation, the last one and the machines.

    Raises:
        SeesawError: rows of an operation in them cannot be shared.
    """
    most = max(machines for _, _, machines in run)
    blocks = [block_of(graph, seconds, first, last, machines) for first, last, machines in run]
    for one, other in pairwise(blocks):
        if one.last + 1 != other.first:
            raise SeesawError("Blocks do not follow one another. Mend the partitioner.")
    sizes, owns = [], host(graph.operations[blocks[0].first - 1].height, most)
    for block in blocks:
        height = graph.operations[block.first - 1].height
        sizes.append(exchanged(graph, block.first - 1, owns, padded(block.needs, height, most)))
        owns = padded(block.owns, graph.operations[block.last].height, most)
    last = blocks[-1].last
    if graph.out_of[last]:
        sizes.append(exchanged(graph, last, owns, host(graph.operations[last].height, most)))
    return TileCost(sum(one.seconds for one in blocks), tuple(sizes))


def padded(spans: Sequence[Span], height: int, machines: int) -> list[Span]:
    """Spans of some machines, and none for those that are left."""
    return [*spans, *[Span(height, height)] * (machines - len(spans))]
