"""Partitioners beside every placement of small random graphs: exact ones are exact, the others never better.

Covers: baselines/partitioners/min_cut.py, baselines/partitioners/neurosurgeon.py, baselines/partitioners/branchy.py
"""

import time

import numpy as np
import pytest

from baselines.partitioners.min_cut import _Cut
from bench import Edge, Graph, LinkState, Operation, Partitioner, Placement, Site, choose, cost
from bench.testing.partitioners import every_placement, random_graph, random_site, small_graph


def placed(spec, graph, site):
    found = choose(Partitioner, spec).plugin.place(graph, site)
    return found, cost(graph, site, found).seconds


def least(graph, site, placements):
    return min(cost(graph, site, one).seconds for one in placements)


@pytest.mark.parametrize("tiers", [2, 3])
def test_a_minimum_cut_is_the_best_of_all_placements(tiers):
    rng, several = np.random.default_rng(tiers), 0
    for number in range(60):
        graph = random_graph(int(rng.integers(2, 8)), rng, exits=number % 3)
        site = random_site(len(graph.operations), tiers, rng)
        placement, seconds = placed("min-cut", graph, site)
        assert seconds == pytest.approx(least(graph, site, every_placement(graph, tiers)), rel=1e-6)
        several += max(cost(graph, site, placement).tensors) > 1
    assert several > 2, "no placement sends several tensors over one link"


def test_stretches_between_borders_have_the_cut_of_the_whole_graph():
    """Held against the flow through the whole graph, and in small ones against every placement."""
    rng, parted, inside = np.random.default_rng(4), 0, 0
    for number in range(120):
        graph = random_graph(int(rng.integers(2, 9 if number < 60 else 60)), rng, exits=number % 3)
        site = random_site(len(graph.operations), 2, rng)
        placement, seconds = placed("min-cut", graph, site)
        whole = _Cut(graph, site)
        whole.borders = whole.borders[:0]
        begins = [0, *(one.behind for one in graph.exits)]
        found = [
            Placement((0,) * len(graph.operations)),
            *(Placement(whole.tiers((begin,))) for begin in begins),
        ]
        assert seconds == pytest.approx(least(graph, site, found), rel=1e-6)
        if number < 60:
            assert seconds == pytest.approx(least(graph, site, every_placement(graph, 2)), rel=1e-6)
        parted += len(graph.borders) > 1
        first = sum(one == 0 for one in placement.tiers) - 1
        inside += first not in graph.borders
    assert parted > 40
    assert inside > 5, "no cut lies inside a stretch"


def test_an_input_of_two_tensors_is_cut_before_the_first_border_too():
    graph = Graph(
        model="two", sample=(1,), operations=tuple(Operation(name=f"o{one}", kind="made", macs=1) for one in range(6)),
        edges=tuple(
            Edge(source=source, users=(user,), bytes=size)
            for source, user, size in ((0, 1, 1), (0, 2, 1), (1, 3, 9), (2, 3, 9), (3, 4, 9), (4, 5, 9))
        ),
    )  # fmt: skip
    assert graph.borders == (3, 4)
    site = Site(
        ("device", "server"), np.array([[0.0, 9, 9, 9, 9, 9], [0.0, 1, 1, 1, 1, 1]]), (LinkState(1.0, 9.0),)
    )
    placement, seconds = placed("min-cut", graph, site)
    assert placement.tiers == (0, 1, 1, 1, 1, 1)
    assert seconds == pytest.approx(least(graph, site, every_placement(graph, 2)))


def test_a_long_and_narrow_graph_is_cut_as_soon_as_any():
    """The flow through all of it at once took 30 times as long."""
    rng = np.random.default_rng(117)
    graph, site = random_graph(2000, rng), random_site(2000, 2, rng)
    assert len(graph.borders) > 500
    taken = []
    for _ in range(3):
        begun = time.process_time()
        placed("min-cut", graph, site)
        taken.append(time.process_time() - begun)
    assert min(taken) < 0.1


def test_a_tensor_that_many_read_is_sent_once():
    """Two readers: sent twice, the tensor would cost more than the device takes."""
    graph = small_graph()
    site = Site(
        ("device", "server"),
        np.array([[0, 1, 50, 50, 1, 1, 1], [0] * 7], float),
        (LinkState(4096 / 60, 1e9),),
    )
    placement, seconds = placed("min-cut", graph, site)
    assert placement.tiers in ((0, *[1] * 6), (0, 0, *[1] * 5))
    assert seconds == pytest.approx(768 * 60 / 4096, abs=1e-3)


@pytest.mark.parametrize(("operations", "limit"), [(150, 0.010), (2000, 0.200)])
@pytest.mark.parametrize("tiers", [2, 3])
def test_a_cut_of_a_large_graph_is_found_soon(operations, limit, tiers):
    rng = np.random.default_rng(0)
    graph, site = random_graph(operations, rng), random_site(operations, tiers, rng)
    taken = []
    for _ in range(5):
        begun = time.process_time()
        placed("min-cut", graph, site)
        taken.append(time.process_time() - begun)
    assert min(taken) < limit


def single_cuts(graph, last):
    """All on the device, and every cut at a border with the rest on the last tier."""
    count = len(graph.operations)
    yield Placement((0,) * count)
    for border in graph.borders:
        yield Placement((*[0] * (border + 1), *[last] * (count - border - 1)))


def test_neurosurgeon_is_the_best_single_cut_where_lines_predict_exactly():
    rng = np.random.default_rng(0)
    for number in range(20):
        graph, tiers = random_graph(7, rng), 2 + number % 2
        macs = np.array([one.macs for one in graph.operations], float)
        given = np.array([sum(edge.bytes for edge in edges) for edges in graph.out_of], float)
        times = np.stack([(5 - tier) * macs + 0.1 * given + 1 for tier in range(tiers)])
        site = Site(("device", "edge", "server")[:tiers], times, (LinkState(1.0, 100.0, 0.1),) * (tiers - 1))
        assert placed("neurosurgeon", graph, site)[1] == pytest.approx(
            least(graph, site, single_cuts(graph, tiers - 1))
        )


def test_neurosurgeon_may_err_by_its_lines():
    rng, worse = np.random.default_rng(1), 0
    for _ in range(30):
        graph, site = random_graph(7, rng), random_site(7, 2, rng)
        seconds, best = placed("neurosurgeon", graph, site)[1], least(graph, site, single_cuts(graph, 1))
        assert seconds >= best - 1e-9
        worse += seconds > best + 1e-9
    assert worse


def test_branchy_is_the_best_single_cut_with_the_exits_before_it():
    rng, early = np.random.default_rng(4), 0
    for _ in range(40):
        graph = random_graph(6, rng, exits=2)
        site = random_site(6, 2, rng)
        placement, seconds = placed("branchy", graph, site)
        for one in single_cuts(graph, 1):
            asked = tuple(number for number, exit_ in enumerate(graph.exits) if not one.tiers[exit_.behind])
            assert seconds <= cost(graph, site, Placement(one.tiers, asked=asked)).seconds + 1e-9
        assert all(placement.tiers[graph.exits[number].behind] == 0 for number in placement.asked)
        early += bool(placement.asked) and max(placement.tiers) > 0
    assert early, "no cut lies behind an exit"
