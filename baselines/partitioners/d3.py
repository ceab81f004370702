"""D3: tiers chosen operation by operation along the graph, and mended near what changes (Zhang et al., "Dynamic DNN
Decomposition for Lossless Synergistic Inference", arXiv 2101.05952, 2021).

Horizontal partition: operations in the order of their longest way from the input; each goes to the tier, of those not before
its inputs', with the least of its own seconds and those of sending its inputs there. Operations that read the same tensors are
then considered once more, together. When times or bandwidths change, only
operations at the borders of tiers, and the neighbours of what moves, are reconsidered. Vertical partition: rows of what runs at
the edge are shared by several edge nodes. The order and the two rules follow others' accounts of the paper, and the mending is
a descent by single operations: results are of this reading, and no claim about the authors' code.
"""

from collections import defaultdict

import numpy as np

from bench import Count, Graph, Partitioner, Placement, Shared, Site, blocks_before, cost, reach


class D3(Partitioner):
    """D3: tiers by a walk along the graph, mended locally; rows of the edge's part shared by its nodes."""

    nodes: Count = 1
    """edge nodes that share rows of what runs at the edge (of two tiers: at the server)"""

    def place(self, graph: Graph, site: Site) -> Placement:
        walk = _Walk(graph, site)
        tiers = walk.along()
        walk.together(tiers)
        return self._finished(graph, site, tiers)

    def repair(self, graph: Graph, site: Site, placement: Placement) -> Placement:
        walk = _Walk(graph, site)
        tiers = list(placement.tiers)
        walk.mend(tiers)
        mended = self._finished(graph, site, tiers)
        return min(
            placement, mended, key=lambda one: cost(graph, site, one).seconds
        )  # trips are not walked over

    def _finished(self, graph: Graph, site: Site, tiers: list[int]) -> Placement:
        """The placement with rows shared at the edge where that pays, and everything on the device where nothing else does."""
        count = len(graph.operations)
        found = [Placement(tuple(tiers)), Placement((0,) * count)]
        if self.nodes > 1 and site.beside is not None:
            edge = 1
            run = _longest(
                graph, site.seconds[edge], [number for number in range(count) if tiers[number] == edge]
            )
            if run is not None:
                found.append(Placement(tuple(tiers), (Shared(*run, self.nodes),)))
        return min(found, key=lambda one: cost(graph, site, one).seconds)


def _longest(graph: Graph, seconds: np.ndarray, own: list[int]) -> tuple[int, int] | None:
    """The operations among those of a tier whose rows can be shared and take most time: the first and the last one."""
    inside, borders = set(own), set(graph.borders)
    best, most = None, 0.0
    for last in own:
        if last not in borders:
            continue
        for block in blocks_before(graph, seconds, last, 1):
            if block.first not in inside:
                break
            if block.work > most:
                best, most = (block.first, last), block.work
    return best


class _Walk:
    """The seconds of a site for the operations of a graph, one by one."""

    def __init__(self, graph: Graph, site: Site) -> None:
        site.check(graph)
        self.graph, self.links = graph, site.links
        share = reach(graph)
        self.seconds = site.seconds * share
        self.sizes = {id(edge): edge.bytes * share[edge.users[0]] for edge in graph.edges}

    def along(self) -> list[int]:
        """A tier for each operation, in the order of their longest way from the input."""
        depth = [0] * len(self.graph.operations)
        for edge in self.graph.edges:  # rising in their sources, so a depth is whole when it is read
            for user in edge.users:
                depth[user] = max(depth[user], depth[edge.source] + 1)
        tiers = [0] * len(depth)
        for number in sorted(range(1, len(depth)), key=lambda one: (depth[one], one)):
            first = max(tiers[edge.source] for edge in self.graph.into[number])
            tiers[number] = min(
                range(first, len(self.seconds)), key=lambda tier: self._alone(number, tier, tiers)
            )
        return tiers

    def _alone(self, number: int, tier: int, tiers: list[int]) -> float:
        """The seconds of an operation on a tier, and of sending its inputs there."""
        sending = sum(
            self.links[link].seconds(self.sizes[id(edge)])
            for edge in self.graph.into[number]
            for link in range(tiers[edge.source], tier)
        )
        return float(self.seconds[tier, number]) + sending

    def together(self, tiers: list[int]) -> None:
        """Move operations that read the same tensors to one tier where that takes less time."""
        groups = defaultdict[tuple[int, ...], list[int]](list)
        for number in range(1, len(tiers)):
            groups[tuple(edge.source for edge in self.graph.into[number])].append(number)
        for members in groups.values():
            if len(members) > 1:
                self._best(members, tiers)

    def mend(self, tiers: list[int]) -> None:
        """Move operations at the borders of tiers, at both ends, and neighbours of what moves, while the time falls."""
        left = [len(tiers) - 1, *(user for edge in self.graph.out_of[0] for user in edge.users)]
        left += [
            number
            for edge in self.graph.edges
            if any(tiers[user] != tiers[edge.source] for user in edge.users)
            for number in (edge.source, *edge.users)
        ]
        while left:
            number = left.pop()
            if number and self._best([number], tiers):
                left += [edge.source for edge in self.graph.into[number]]
                left += [user for edge in self.graph.out_of[number] for user in edge.users]

    def _best(self, members: list[int], tiers: list[int]) -> bool:
        """Move operations together to the tier of the least time between their inputs' and their users'; whether they moved."""
        own = set(members)
        before = [edge for one in members for edge in self.graph.into[one]]
        after = [edge for one in members for edge in self.graph.out_of[one]]
        first = max((tiers[edge.source] for edge in before if edge.source not in own), default=0)
        users = [tiers[user] for edge in after for user in edge.users if user not in own]
        last = min(users, default=len(self.seconds) - 1)
        edges = list({id(edge): edge for edge in (*before, *after)}.values())
        stood = [tiers[one] for one in members]

        def spent() -> float:
            sending = sum(
                self.links[link].seconds(self.sizes[id(edge)])
                for edge in edges
                for link in range(tiers[edge.source], max(tiers[user] for user in edge.users))
            )
            return float(sum(self.seconds[tiers[one], one] for one in members)) + sending

        best, least = stood, spent()
        for tier in range(first, last + 1):
            for one in members:
                tiers[one] = tier
            if (seconds := spent()) < least * (1 - 1e-12):
                best, least = [tier] * len(members), seconds
        for one, tier in zip(members, best, strict=True):
            tiers[one] = tier
        return best != stood
