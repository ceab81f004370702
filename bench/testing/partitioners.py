"""The contract of every partitioner, as a check; small graphs, and every placement of one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from bench.errors import SeesawError
from bench.kinds.partitioner import Partitioner
from bench.kinds.placement import LinkState, Placement, Site, cost
from bench.records.graph import Edge, Exit, Graph, Operation, Rows
from bench.testing.facts import Facts

NAMES = "device", "edge", "server"
SLACK = 1e-6
"""By which a least time may be missed, as a share: capacities of cuts are whole numbers."""


def small_graph() -> Graph:
    """Two convolutions, a block of two branches with a sum, a pool and a classifier, with the rows that they read."""

    def of(name: str, kind: str, macs: int, height: int, **rows: int) -> Operation:
        return Operation(
            name=name, kind=kind, macs=macs, height=height, rows=Rows(**rows) if height else None
        )

    operations = (
        Operation(name="x", kind="input", height=16),
        of("conv", "Conv2d", 9000, 16, kernel=3, padding=1),
        of("left", "Conv2d", 36000, 16, kernel=5, padding=2),
        of("right", "Conv2d", 9000, 16, kernel=3, padding=2, dilation=2),
        of("sum", "add", 0, 16),
        of("pool", "MaxPool2d", 0, 8, kernel=2, stride=2),
        of("fc", "Linear", 2560, 0),
    )
    edges = tuple(
        Edge(source=source, users=users, bytes=size)
        for source, users, size in (
            (0, (1,), 768), (1, (2, 3), 4096), (2, (4,), 4096), (3, (4,), 4096), (4, (5,), 4096), (5, (6,), 1024)
        )
    )  # fmt: skip
    return Graph(model="small", sample=(3, 16, 16), operations=operations, edges=edges)


def random_graph(operations: int, rng: np.random.Generator, *, exits: int = 0) -> Graph:
    """A graph in which every operation reads one or two of those before it, in half of the graphs of the last two.

    Args:
        operations: how many, two or more.
        rng: draws everything.
        exits: how many stand behind operations that every path passes, at most.
    """
    users: list[set[int]] = [set() for _ in range(operations - 1)]
    far = int(rng.choice([2, operations]))
    for number in range(1, operations):
        near = np.arange(max(0, number - far), number)
        for source in rng.choice(near, min(len(near), int(rng.choice([1, 1, 2]))), replace=False):
            users[source].add(number)
    for source, after in enumerate(users):
        if not after:
            after.add(int(rng.integers(source + 1, min(source + far, operations - 1) + 1)))
    graph = Graph(
        model="random", sample=(1,),
        operations=tuple(Operation(name=f"o{one}", kind="made", macs=int(rng.integers(1, 9))) for one in range(operations)),
        edges=tuple(
            Edge(source=source, users=tuple(sorted(after)), bytes=int(rng.integers(0, 20))) for source, after in enumerate(users)
        ),
    )  # fmt: skip
    borders = rng.permutation(graph.borders[1:])[:exits]
    found = (Exit(behind=int(one), share=float(rng.random()), macs=2) for one in sorted(borders))
    return graph.model_copy(update={"exits": tuple(found)})


def random_site(operations: int, tiers: int, rng: np.random.Generator) -> Site:
    """Tiers, in every second site the faster the further they are, and links with delays."""
    slower = rng.choice([3.0, 1.0]) ** np.arange(tiers)[::-1]
    times = rng.integers(1, 30, (tiers, operations)) * slower[:, None]
    times[:, 0] = 0
    links = [
        LinkState(rng.uniform(0.1, 3) * rng.choice([1, 20]), rng.uniform(50, 150), rng.uniform(0, 3))
        for _ in range(tiers - 1)
    ]
    return Site(NAMES[:tiers], times, tuple(links), LinkState(5.0, 5.0, 0.1))


def every_placement(graph: Graph, tiers: int) -> Iterator[Placement]:
    """Every placement of a graph on so many tiers, without shared rows."""
    for rest in product(range(tiers), repeat=len(graph.operations) - 1):
        placed = (0, *rest)
        if all(placed[edge.source] <= placed[user] for edge in graph.edges for user in edge.users):
            yield Placement(placed)


def check_partitioner(partitioner: Partitioner) -> list[str]:
    """Check that a partitioner places graphs on two tiers and three, the same again, and repairs what changes."""
    facts, rng = Facts(), np.random.default_rng(0)
    for graph, tiers in [
        *((small_graph(), tiers) for tiers in (2, 3)),
        *((random_graph(6, rng, exits=number % 2), 2 + number % 2) for number in range(8)),
    ]:
        site = random_site(len(graph.operations), tiers, rng)
        placement = partitioner.place(graph, site)
        facts.hold(
            _is_placement(graph, site, placement), "it places every operation behind those that it needs"
        )
        facts.hold(
            placement == partitioner.place(graph, site),
            "the same graph and site have the same placement again",
        )
        if partitioner.is_exact:
            least = min(cost(graph, site, one).seconds for one in every_placement(graph, tiers))
            facts.hold(
                cost(graph, site, placement).seconds <= least * (1 + SLACK),
                "no placement takes less time, of all there are",
                "Leave is_exact out where it is a heuristic.",
            )
        links = tuple(LinkState(link.up / 20, link.down, link.delay) for link in site.links)
        slow = Site(site.names, site.seconds, links, site.beside)
        repaired = partitioner.repair(graph, slow, placement)
        facts.hold(_is_placement(graph, slow, repaired), "a placement that it repairs is one")
        dead = Site(site.names, site.seconds, tuple(LinkState(0.0, 0.0) for _ in links), site.beside)
        facts.hold(
            not any(partitioner.place(graph, dead).tiers),
            "where nothing can be sent, everything stays on the device",
        )
    return list(dict.fromkeys(facts))


def _is_placement(graph: Graph, site: Site, placement: Placement) -> bool:
    try:
        cost(graph, site, placement)
    except SeesawError:
        return False
    return isinstance(placement, Placement)
