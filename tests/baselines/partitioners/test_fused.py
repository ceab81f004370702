"""Fused blocks by dynamic programming, beside every choice of borders and machines."""

from itertools import combinations, product

import numpy as np
import pytest

from baselines.partitioners.fused import Fused
from bench import Edge, Graph, LinkState, Operation, Placement, Rows, Shared, Site, cost


def random_network(rng, maps):
    """A chain of layers on maps with one sum of two branches, and a classifier."""
    operations, edges = [Operation(name="x", kind="input", height=17)], []
    height, fork = 17, int(rng.integers(1, maps - 2))
    for number in range(1, maps):
        kernel, dilation = int(rng.integers(1, 5)), int(rng.integers(1, 3))
        inside = fork < number <= fork + 2
        stride = 1 if inside or height < 8 else int(rng.integers(1, 3))
        padding = dilation * (kernel - 1) // 2
        if inside:
            kernel, dilation, padding = 1, 1, 0
        height = (height + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        rows = Rows(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        operations.append(Operation(name=f"o{number}", kind="Conv2d", macs=1, height=height, rows=rows))
    operations.append(Operation(name="fc", kind="Linear", macs=1))
    for number in range(maps):
        users = (number + 1, number + 2) if number == fork else (number + 1,)
        edges.append(Edge(source=number, users=users, bytes=int(rng.integers(100, 2000))))
    return Graph(model="made", sample=(1, 17, 17), operations=tuple(operations), edges=tuple(edges))


def every_blocks(graph, servers):
    """All ways to deal the maps' operations to blocks of one machine or several."""
    maps = len(graph.operations) - 2
    inner = [border for border in graph.borders if 0 < border < maps]
    for count in range(len(inner) + 1):
        for ends in combinations(inner, count):
            starts = [1, *(end + 1 for end in ends)]
            for machines in product(range(1, servers + 1), repeat=count + 1):
                yield tuple(
                    Shared(start, end, machine)
                    for start, end, machine in zip(starts, [*ends, maps], machines, strict=True)
                    if machine > 1
                )


@pytest.mark.parametrize("seed", range(8))
def test_dynamic_programming_finds_the_best_of_all_blocks(seed):
    rng = np.random.default_rng(seed)
    graph = random_network(rng, 6)
    count = len(graph.operations)
    seconds = np.stack([np.full(count, 1e3), rng.uniform(1, 9, count)])
    seconds[:, 0] = 0
    beside = LinkState(float(rng.uniform(50, 3000)), 1e9, float(rng.choice([0.0, 0.3])))
    site = Site(("device", "server"), seconds, (LinkState(1e9, 1e9),), beside)
    tiers = (0, *[1] * (count - 1))
    best = min(cost(graph, site, Placement(tiers, shared)).seconds for shared in every_blocks(graph, 3))
    found = Fused(servers=3).place(graph, site)
    assert cost(graph, site, found).seconds == pytest.approx(best, rel=1e-9)


def test_some_networks_are_shared_in_several_blocks():
    counts = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        graph = random_network(rng, 8)
        count = len(graph.operations)
        seconds = np.stack([np.full(count, 1e4), rng.uniform(5, 9, count)])
        site = Site(("device", "server"), seconds, (LinkState(1e9, 1e9),), LinkState(3000.0, 1e9))
        counts.add(len(Fused(servers=3).place(graph, site).shared))
    assert max(counts) > 1


def test_a_slow_link_beside_leaves_all_rows_to_one_server():
    graph = random_network(np.random.default_rng(0), 6)
    count = len(graph.operations)
    site = Site(
        ("device", "server"),
        np.stack([np.full(count, 1e3), np.ones(count)]),
        (LinkState(1e9, 1e9),),
        LinkState(1.0, 1.0),
    )
    assert Fused().place(graph, site) == Placement((0, *[1] * (count - 1)))
    alone = Site(site.names, site.seconds, site.links)
    assert Fused().place(graph, alone) == Placement((0, *[1] * (count - 1)))
