"""Fused: rows shared by several servers, in blocks of fused layers, chosen by dynamic programming (Li, Iosifidis, Zhang,
"Receptive field-based segmentation for distributed CNN inference acceleration in collaborative edge computing", ICC 2022).

A server computes the rows that it owns at the end of a block, and whatever rows these need, so a block exchanges nothing inside;
at its end servers exchange the rows that others' tiles need. With T(j, n) the least time until operation j is done by n servers,
T(j, n) = min over i and m of T(i, m) + exchange(i, m -> n) + block(i + 1 .. j, n), where one server is a number like any other. The
first server has the input and all that needs whole tensors, and no output number is computed otherwise than in the whole.
"""

from dataclasses import dataclass

from bench import (
    Block,
    Count,
    Graph,
    LinkState,
    Partitioner,
    Placement,
    Shared,
    Site,
    blocks_before,
    cost,
    exchanged,
    host,
    padded,
)  # fmt: skip


@dataclass(frozen=True)
class _State:
    """The cheapest way to an operation's tensor on so many servers, and the block that ends there."""

    seconds: float
    machines: int
    block: Block | None = None
    before: "_State | None" = None


class Fused(Partitioner):
    """All on the last tier, rows of fused blocks shared by its servers, where blocks end by dynamic programming."""

    servers: Count = 3
    """machines of the last tier that share rows; the first one has the input"""

    def place(self, graph: Graph, site: Site) -> Placement:
        site.check(graph)
        count, last = len(graph.operations), len(site.names) - 1
        tiers = (0, *[last] * (count - 1))
        found = [Placement((0,) * count), Placement(tiers)]
        if site.beside is not None:
            found.append(Placement(tiers, self.shared(graph, site)))
        return min(found, key=lambda one: cost(graph, site, one).seconds)

    def shared(self, graph: Graph, site: Site) -> tuple[Shared, ...]:
        """The blocks of the least time on the last tier.

        Args:
            graph: with the rows that operations read.
            site: of which the last tier and the link beside are used.
        """
        beside, seconds = site.beside, site.seconds[-1]
        assert beside is not None
        borders = [*graph.borders[1:], len(graph.operations) - 1]
        ways = {0: {1: _State(0.0, 1)}}
        previous = 0
        for end in borders:
            alone = float(seconds[previous + 1 : end + 1].sum())
            ways[end] = {1: self._gathered(graph, beside, ways[previous], previous, alone)}
            if end in graph.borders and graph.operations[end].height:
                for machines in range(2, self.servers + 1):
                    for block in blocks_before(graph, seconds, end, machines):
                        for state in ways[block.first - 1].values():
                            total = (
                                state.seconds + self._exchange(graph, beside, state, block) + block.seconds
                            )
                            best = ways[end].get(machines)
                            if best is None or total <= best.seconds * (
                                1 + 1e-12
                            ):  # of equals the longest block
                                ways[end][machines] = _State(total, machines, block, state)
            previous = end
        return _blocks(ways[borders[-1]][1])

    def _gathered(
        self, graph: Graph, beside: LinkState, ways: dict[int, _State], at: int, alone: float
    ) -> _State:
        """The way on with the first server alone, which then has the whole tensor."""

        def seconds(state: _State) -> float:
            if state.block is None or state.machines == 1:
                return state.seconds
            height = graph.operations[at].height
            size = exchanged(graph, at, state.block.owns, host(height, state.machines))
            return state.seconds + (beside.seconds(size) + beside.delay if size else 0.0)

        best = min(ways.values(), key=seconds)
        return _State(seconds(best) + alone, 1, None, best)

    def _exchange(self, graph: Graph, beside: LinkState, state: _State, block: Block) -> float:
        """Seconds in which the rows that a block needs come to its machines."""
        at = block.first - 1
        height, machines = graph.operations[at].height, max(state.machines, len(block.needs))
        owns = host(height, machines)
        if state.block is not None and state.machines > 1:
            owns = padded(state.block.owns, height, machines)
        size = exchanged(graph, at, owns, padded(block.needs, height, machines))
        return beside.seconds(size) + beside.delay if size else 0.0


def _blocks(state: _State | None) -> tuple[Shared, ...]:
    """The blocks of several machines on the way to a state, from the first."""
    found: list[Shared] = []
    while state is not None:
        if state.block is not None and state.machines > 1:
            found.append(Shared(state.block.first, state.block.last, state.machines))
        state = state.before
    return tuple(reversed(found))
