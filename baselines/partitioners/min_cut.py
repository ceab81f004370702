"""Min-cut: the exact placement of a graph on tiers, by one minimum cut (Hu, Bao, Wang, Liu, DADS, INFOCOM 2019, light load;
QDMP, IWQoS 2020, solves the same cut).

Each operation has a node for each link, on the source's side of the cut where it runs before that link. What is cut pays: the
seconds of an operation on its tier, the seconds of a tensor on a link, once however many operations behind the link read it.
For three tiers these are two copies of the graph, joined so that the second may not be left before the first.

Two tiers part a graph between two neighbouring borders (operations whose one tensor every path passes): a border on the device has
all before it there, one on the server all behind it. So each stretch between borders has a cut of its own, and the best of
these is the least cut of all. In one graph with a source and a sink, stretches do not meet, and their cuts are found at once: the
augmenting paths of a long and narrow network are then as long as a stretch, and not as the network.
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
        self.borders = np.array(graph.borders)
        self.scale = WHOLE / max(self.seconds[0].sum(), 1e-300)
        sizes = np.array([edge.bytes * share[edge.users[0]] for edge in graph.edges])
        self.sending = np.array([[link.seconds(size) for size in sizes] for link in site.links])
        self.helpers = np.flatnonzero([len(edge.users) > 1 for edge in graph.edges])
        self.alone = np.flatnonzero([len(edge.users) == 1 for edge in graph.edges])
        self.sources = np.array([edge.source for edge in graph.edges])
        self.first = np.array([edge.users[0] for edge in graph.edges])
        self.readers = np.array(
            [(user, place) for place, edge in enumerate(graph.edges) for user in edge.users]
        ).T
        pairs = {(user, edge.source) for edge in graph.edges for user in edge.users}
        self.pairs = np.array(sorted(pairs)).T
        self.reads = np.array(
            [(place, user) for place, edge in enumerate(self.helpers) for user in graph.edges[edge].users]
        ).reshape(-1, 2).T  # fmt: skip

    def tiers(self, begins: tuple[int | None, ...]) -> tuple[int, ...]:
        """The best tiers where each link is used behind an operation alone, or (None) not at all."""
        size = 2 + self.links * (self.count + len(self.helpers))
        rows, columns, capacities = map(np.concatenate, zip(*self._arcs(begins), strict=True))
        rows, columns = rows.astype(int), columns.astype(int)
        is_parted = (
            self.links == 1 and len(self.borders) > 1 and self.borders[0] == 0
        )  # no stretch before the first
        if is_parted:
            rows, columns, capacities = self._parted(rows, columns, capacities)
        before = self._before(rows, columns, capacities, size)
        if is_parted:
            return self._best_stretch(before[2 : 2 + self.count], begins[0] or 0)
        nodes = before[2 : 2 + self.links * self.count].reshape(self.links, self.count)
        return tuple((~nodes).sum(0).tolist())

    @staticmethod
    def _before(rows: np.ndarray, columns: np.ndarray, capacities: np.ndarray, size: int) -> np.ndarray:
        """Which nodes lie on the source's side of a least cut, boolean (size,)."""
        arcs = coo_matrix((capacities, (rows, columns)), (size, size)).tocsr()
        arcs.data = np.minimum(arcs.data, ENDLESS).astype(np.int32)
        left = arcs - maximum_flow(arcs, 0, 1).flow
        left.data[left.data < 0] = 0
        left.eliminate_zeros()
        before = np.zeros(size, bool)
        before[breadth_first_order(left, 0, return_predecessors=False)] = True
        return before

    def _parted(
        self, rows: np.ndarray, columns: np.ndarray, capacities: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The arcs of a graph whose borders are source and sink at once: source of what they give, sink of what they read.

        Arcs from an operation to one before it only forbid that it is left later; at a border they hold by themselves.
        """
        is_border = np.zeros(2 + self.count + len(self.helpers), bool)
        is_border[2 + self.borders] = True
        forbids = (rows > 1) & (columns > 1) & (columns < rows) & (rows < 2 + self.count)
        kept = ~(is_border[rows] & ((columns == 1) | forbids)) & ~(
            is_border[columns] & ((rows == 0) | forbids)
        )
        rows, columns = (one[kept] for one in (rows, columns))
        return np.where(is_border[rows], 0, rows), np.where(is_border[columns], 1, columns), capacities[kept]

    def _best_stretch(self, before: np.ndarray, begin: int) -> tuple[int, ...]:
        """The tiers where the stretch that is parted is the best one.

        Args:
            before: whether each operation between borders runs on the device, where its stretch is the one that is parted.
            begin: the operation behind which alone the link is used.
        """
        place = np.arange(self.count)
        stretch = np.searchsorted(self.borders, place, side="right") - 1  # of what an operation gives
        inner = ~np.isin(place, self.borders) & (stretch >= 0)
        device, server = (
            np.concatenate([[0.0], np.cumsum(one)]) for one in (self.seconds[0], self.seconds[-1])
        )
        starts, ends = self.borders, np.append(self.borders[1:], self.count)
        seconds = device[starts + 1] + (server[-1] - server[ends])
        np.add.at(seconds, stretch[inner], np.where(before, self.seconds[0], self.seconds[-1])[inner])
        here = before.copy()
        here[self.borders] = True  # as what gives; as what reads it is the server's
        users, sources = self.readers
        sends = np.zeros(len(self.sources), bool)
        reader_here = here[users] & ~np.isin(users, self.borders)
        sends[sources[~reader_here]] = True
        sends &= here[self.sources] & (stretch[self.sources] >= 0)
        np.add.at(seconds, stretch[self.sources[sends]], self.sending[0][sends])
        seconds[ends <= begin] = np.inf
        best = int(seconds.argmin())
        is_device = (place <= starts[best]) | (before & (stretch == best) & (place < ends[best]))
        return tuple((~is_device).astype(int).tolist())

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
