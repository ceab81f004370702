"""What a placement costs, counted by hand and by a slow second way.

Covers: bench/kinds/partitioner.py
"""

import numpy as np
import pytest

from bench import Conditions, Exit, LinkState, Placement, SeesawError, Shared, Site, cost, reach
from bench.testing.partitioners import every_placement, random_graph, random_site, small_graph


def site_of(graph, rows, links, beside=None):
    return Site(("device", "edge", "server")[: len(rows)], np.array(rows, float), tuple(links), beside)


def test_a_cut_through_two_branches_sends_both_tensors_once():
    graph = small_graph()
    site = site_of(
        graph, [[0, 1, 2, 3, 4, 5, 6], [0, 10, 20, 30, 40, 50, 60]], [LinkState(1000.0, 64.0, 0.25)]
    )
    found = cost(graph, site, Placement((0, 0, 0, 1, 1, 1, 1)))
    assert found.computing == (3.0, 180.0)
    assert (found.bytes, found.tensors) == ((8192.0,), (2,))
    assert found.sending == (8.192,)
    assert found.trips == (1.5,)
    assert found.seconds == pytest.approx(3 + 180 + 8.192 + 1.5)


def test_what_goes_two_tiers_further_passes_both_links():
    graph = small_graph()
    links = [LinkState(1000.0, 64.0), LinkState(100.0, 64.0)]
    found = cost(graph, site_of(graph, [[1] * 7] * 3, links), Placement((0, *[2] * 6)))
    assert found.bytes == (768.0, 768.0)
    assert found.seconds == pytest.approx(7 + 0.768 + 7.68 + 2)


def slow_cost(graph, site, placement):
    """Another way to the same seconds: sample by sample over every set of exits that one leaves at."""
    total, left = 0.0, 1.0
    exits = [*graph.exits, None]
    for place, exit_ in enumerate(exits):
        end = len(graph.operations) - 1 if exit_ is None else exit_.behind
        share = left if exit_ is None else left * exit_.share
        tiers = placement.tiers
        seconds = sum(site.seconds[tiers[one], one] for one in range(end + 1))
        macs = sum(one.macs for one in graph.operations)
        for asked in exits[: place + 1]:
            if asked is not None:
                seconds += site.seconds[tiers[asked.behind]].sum() * asked.macs / macs
        for link, state in enumerate(site.links):
            sent = [
                edge.bytes
                for edge in graph.edges
                if tiers[edge.source] <= link
                and any(tiers[user] > link and user <= end for user in edge.users)
            ]
            seconds += state.seconds(sum(sent)) + (state.trip if sent else 0.0)
        total += share * seconds
        left -= share
    return total


def test_early_exits_weigh_what_lies_behind_them():
    rng = np.random.default_rng(3)
    tried = 0
    for _ in range(40):
        graph = random_graph(5, rng, exits=2)
        site = random_site(5, 2 + tried % 2, rng)
        for placement in every_placement(graph, len(site.names)):
            assert cost(graph, site, placement).seconds == pytest.approx(slow_cost(graph, site, placement))
        tried += bool(graph.exits)
    assert tried > 10


def test_exits_that_are_not_asked_weigh_nothing():
    graph = small_graph().model_copy(
        update={"exits": (Exit(behind=1, share=0.5, macs=10), Exit(behind=4, share=0.5, macs=10))}
    )
    assert reach(graph).tolist() == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert reach(graph, (1,)).tolist() == [1, 1, 1, 1, 1, 0.5, 0.5]
    site = site_of(graph, [[1] * 7] * 2, [LinkState(1.0, 1.0)])
    assert cost(graph, site, Placement((0,) * 7, asked=())).seconds == 7


def test_a_link_without_a_rate_takes_for_ever_and_is_not_used_by_the_device_alone():
    graph = small_graph()
    site = site_of(graph, [[1] * 7] * 2, [LinkState(0.0, 0.0)])
    assert cost(graph, site, Placement((0, *[1] * 6))).seconds == float("inf")
    assert cost(graph, site, Placement((0,) * 7)).seconds == 7


@pytest.mark.parametrize(
    ("placement", "words"),
    [
        (Placement((0, 1, 0, 1, 1, 1, 1)), "nothing flows back"),
        (Placement((0, 0, 0)), "one of 2 tiers for each of 7"),
        (Placement((0, 0, 0, 0, 0, 0, 2)), "one of 2 tiers"),
        (Placement((1,) * 7), "the input's 0"),
        (Placement((0,) * 7, (Shared(1, 1, 2),)), "has one machine"),
        (Placement((0, 0, 1, 1, 1, 1, 1), (Shared(1, 4, 2),)), "parts of one tier"),
        (Placement((0,) * 7, (Shared(2, 4, 2), Shared(1, 1, 2))), "one behind the other"),
    ],
)
def test_what_is_no_placement_is_a_sentence(placement, words):
    graph = small_graph()
    with pytest.raises(SeesawError, match=words):
        cost(graph, site_of(graph, [[1] * 7] * 2, [LinkState(1.0, 1.0)]), placement)


def test_a_site_is_of_its_graph():
    with pytest.raises(SeesawError, match="times are of 3 operations, and the graph has 7"):
        cost(small_graph(), site_of(None, [[1] * 3] * 2, [LinkState(1.0, 1.0)]), Placement((0,) * 7))
    with pytest.raises(SeesawError, match="a link between neighbours"):
        site_of(None, [[1] * 3] * 2, [])
    with pytest.raises(SeesawError, match="seconds from 0"):
        site_of(None, [[1, -1], [1, 1]], [LinkState(1.0, 1.0)])
    with pytest.raises(SeesawError, match="rates and a delay from 0"):
        LinkState(-1.0, 1.0)


def test_a_channel_has_a_state_at_each_moment():
    table = Conditions.of(np.array([0.0, 5.0]), np.array([1e6, 2e6]), down=4e6, delay=0.03, loss=0.5)
    assert LinkState.of(table) == LinkState(5e5, 2e6, 0.03)
    assert LinkState.of(table, 7.0).up == 1e6
