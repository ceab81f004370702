"""Min-cut: the exact placement of a graph on tiers, by one minimum cut (Hu, Bao, Wang, Liu, DADS, INFOCOM 2019, light load;
QDMP, IWQoS 2020, solves the same cut).

Each operation has a node for each link, on the source's side of the cut where it runs before that link. What is cut pays: the
seconds of an operation on its tier, the seconds of a tensor on a link, once however many operations behind the link read it.
For three tiers these are two copies of the graph, joined so that the second may not be left before the first.
"""

from itertools import product
from typing import ClassVar

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from bench import Graph, Partitioner, Placement, Site, cost, head_seconds, reach

WHOLE, ENDLESS = 1 << 28, 1 << 29
"""The seconds of the device alone as a capacity (scipy's are int32), and a capacity that no least cut takes: so a placement
takes at most one part in 2^29 more than the best one for each capacity that it cuts."""


class MinCut(Partitioner):
    """The placement of the least time, of any graph on two tiers or more, by a minimum cut."""

    is_exact: ClassVar[bool] = True

    def place(self, graph: Graph, site: Site) -> Placement:
        site.check(graph)
        found = [Placement((0,) * len(graph.operations))]
        solve = _Cut(graph, site)
        for begins in product(*[[*_starts(graph), None]] * len(site.links)):
            if _in_order(begins):
                found.append(Placement(solve.tiers(begins)))
        return min(found, key=lambda one: cost(graph, site, one).seconds)


def _starts(graph: Graph) -> list[int]:
    """The operations from which on a link may be used first: any, or those behind an exit, which fewer samples come to."""
    return [0, *sorted({one.behind for one in graph.exits})]


def _in_order(begins: tuple[int | None, ...]) -> bool:
    """Whether a link is used at all, and each one no earlier than the one before it."""
    used = [one for one in begins if one is not None]
    return bool(used) and begins[: len(used)] == tuple(used) and used == sorted(used)


class _Cut:
    """The capacities of a graph on a site."""

    def __init__(self, graph: Graph, site: Site) -> None:
        share = reach(graph)
        self.seconds = site.seconds * share
        for number, one in enumerate(graph.exits):
            self.seconds[:, one.behind] += head_seconds(graph, site)[:, number] * share[one.behind]
        self.count, self.links = len(graph.operations), len(site.links)
        self.scale = WHOLE / max(self.seconds[0].sum(), 1e-300)
        sizes = np.array([edge.bytes * share[edge.users[0]] for edge in graph.edges])
        self.sending = np.array([[link.seconds(size) for size in sizes] for link in site.links])
        self.helpers = np.flatnonzero([len(edge.users) > 1 for edge in graph.edges])
        self.alone = np.flatnonzero([len(edge.users) == 1 for edge in graph.edges])
        self.sources = np.array([edge.source for edge in graph.edges])
        self.first = np.array([edge.users[0] for edge in graph.edges])
        pairs = {(user, edge.source) for edge in graph.edges for user in edge.users}
        self.pairs = np.array(sorted(pairs)).T
        self.reads = np.array(
            [(place, user) for place, edge in enumerate(self.helpers) for user in graph.edges[edge].users]
        ).reshape(-1, 2).T  # fmt: skip

    def tiers(self, begins: tuple[int | None, ...]) -> tuple[int, ...]:
        """The best tiers where each link is used behind an operation alone, or (None) not at all."""
        rows, columns, capacities = zip(*self._arcs(begins), strict=True)
        size = 2 + self.links * (self.count + len(self.helpers))
        arcs = coo_matrix(
            (np.concatenate(capacities), (np.concatenate(rows), np.concatenate(columns))), (size, size)
        ).tocsr()
        arcs.data = np.minimum(arcs.data, ENDLESS).astype(np.int32)
        left = arcs - maximum_flow(arcs, 0, 1).flow
        left.data[left.data < 0] = 0
        left.eliminate_zeros()
        before = np.zeros(size, bool)
        before[breadth_first_order(left, 0, return_predecessors=False)] = True
        nodes = before[2 : 2 + self.links * self.count].reshape(self.links, self.count)
        return tuple((~nodes).sum(0).tolist())

    def _arcs(self, begins: tuple[int | None, ...]):
        """Rows, columns and capacities; node 0 is the source, 1 the sink."""
        every = np.arange(self.count)

        def arcs(rows, columns, capacities):
            rows, columns, capacities = np.broadcast_arrays(rows, columns, capacities)
            return rows, columns, np.minimum(np.rint(capacities), ENDLESS)

        def node(link, operation):
            return 2 + link * self.count + operation

        last = self.links - 1
        yield arcs(node(0, every), 1, self.seconds[0] * self.scale)
        yield arcs(0, node(last, every), self.seconds[-1] * self.scale)
        for link, begin in enumerate(begins):
            if link < last:
                yield arcs(node(link, every), node(link + 1, every), ENDLESS)
                yield arcs(node(link + 1, every), node(link, every), self.seconds[link + 1] * self.scale)
            held = every if begin is None else every[: begin + 1]
            yield arcs(0, node(link, held), ENDLESS)
            users, sources = self.pairs
            yield arcs(node(link, users), node(link, sources), ENDLESS)
            sending = self.sending[link] * self.scale
            yield arcs(
                node(link, self.sources[self.alone]), node(link, self.first[self.alone]), sending[self.alone]
            )
            helper = 2 + self.links * self.count + link * len(self.helpers)
            own = np.arange(len(self.helpers))
            yield arcs(node(link, self.sources[self.helpers]), helper + own, sending[self.helpers])
            yield arcs(helper + self.reads[0], node(link, self.reads[1]), ENDLESS)
