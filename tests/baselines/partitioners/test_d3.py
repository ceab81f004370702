"""D3: never better than the exact three-tier cut, mended never worse than left as it stood, rows shared at the edge."""

import numpy as np

from baselines.partitioners.d3 import D3
from bench import LinkState, Placement, Shared, Site, cost
from bench.testing.partitioners import every_placement, random_graph, random_site, small_graph


def changed(site, rng):
    """The same machines, some operations slower and both links at other rates."""
    seconds = site.seconds * np.where(
        rng.random(site.seconds.shape) < 0.3, rng.uniform(0.2, 5, site.seconds.shape), 1.0
    )
    links = tuple(
        LinkState(link.up * rng.choice([0.1, 1.0, 10.0]), link.down, link.delay) for link in site.links
    )
    return Site(site.names, seconds, links, site.beside)


def test_its_gap_to_every_placement_is_never_negative_and_sometimes_none():
    rng, gaps = np.random.default_rng(0), []
    for _ in range(40):
        graph = random_graph(6, rng)
        site = random_site(6, 3, rng)
        best = min(cost(graph, site, one).seconds for one in every_placement(graph, 3))
        gaps.append(cost(graph, site, D3().place(graph, site)).seconds / best - 1)
    assert min(gaps) >= -1e-9
    assert sum(gap < 1e-9 for gap in gaps) > 5
    assert max(gaps) > 0.01, "on these graphs it would be exact"


def test_a_mended_placement_takes_no_more_time_than_the_one_that_stood():
    rng, moved = np.random.default_rng(1), 0
    for _ in range(60):
        graph = random_graph(12, rng)
        site = random_site(12, 3, rng)
        stood = D3().place(graph, site)
        after = changed(site, rng)
        mended = D3().repair(graph, after, stood)
        assert cost(graph, after, mended).seconds <= cost(graph, after, stood).seconds * (1 + 1e-9)
        moved += mended.tiers != stood.tiers
    assert moved > 10


def test_what_has_not_changed_near_a_border_is_left_alone():
    """A chain whose far end becomes slower stays as it is there; only the border moves."""
    rng = np.random.default_rng(2)
    graph = random_graph(8, rng)
    seconds = np.array([[0.0, *[1.0] * 7], [0.0, *[1.0] * 7]])
    site = Site(("device", "server"), seconds, (LinkState(1e9, 1e12),))
    stood = Placement((0,) * 8)
    assert D3().repair(graph, site, stood).tiers == stood.tiers
    faster = seconds.copy()
    faster[1] = 0.01
    moved = D3().repair(graph, Site(site.names, faster, site.links), stood)
    assert moved.tiers == (0, *[1] * 7)


def test_rows_are_shared_at_the_edge_where_that_pays():
    graph = small_graph()
    seconds = np.array(
        [[0, 160, 160, 160, 160, 80, 10], [0, 16, 16, 16, 16, 8, 1], [0, 15, 15, 15, 15, 8, 1]], float
    )
    links = LinkState(1e4, 1e9), LinkState(1.0, 1e9)
    site = Site(("device", "edge", "server"), seconds, links, LinkState(1e6, 1e6))
    found = D3(nodes=2).place(graph, site)
    assert found.tiers == (0, *[1] * 6)
    assert found.shared == (Shared(1, 5, 2),)
    slow = Site(site.names, site.seconds, site.links, LinkState(1.0, 1.0))
    assert D3(nodes=2).place(graph, slow).shared == ()
    assert D3(nodes=1).place(graph, site).shared == ()
