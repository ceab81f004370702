"""The seconds and the exchanged rows of tiles, counted by hand."""

import numpy as np
import pytest

from bench import LinkState, Placement, SeesawError, Shared, Site, blocks_before, cost
from bench.kinds.tiles import block_of, busiest, exchanged, host, tile_cost
from bench.network.fields import Span
from bench.testing.partitioners import small_graph

ONES = np.array([0.0, 16, 16, 16, 16, 8, 1])


def test_a_block_computes_the_rows_that_its_end_needs():
    block = block_of(small_graph(), ONES, 1, 4, 2)
    assert block.owns == (Span(0, 8), Span(8, 16))
    assert block.needs == (
        Span(0, 11),
        Span(5, 16),
    )  # 2 rows of the widest branch, and one of the first layer
    assert block.seconds == pytest.approx(8 + 8 + 8 + 10)
    assert block.work == pytest.approx(2 * (8 + 8 + 8 + 10))


def test_blocks_end_at_borders_and_begin_behind_them():
    graph = small_graph()
    assert graph.borders == (0, 1, 4, 5)
    assert [one.first for one in blocks_before(graph, ONES, 5, 2)] == [5, 2, 1]
    with pytest.raises(SeesawError, match="left is no border"):
        list(blocks_before(graph, ONES, 2, 2))
    with pytest.raises(SeesawError, match="cannot be shared"):
        block_of(graph, ONES, 3, 4, 2)


def test_an_exchange_is_that_of_the_busiest_machine():
    assert busiest(host(16, 3), [Span(0, 6), Span(5, 11), Span(10, 16)]) == 12  # the first one sends to both
    thirds = [Span(0, 6), Span(6, 11), Span(11, 16)]
    assert busiest(thirds, [Span(0, 7), Span(5, 12), Span(10, 16)]) == 2
    assert busiest(thirds, host(16, 3)) == 10
    assert busiest(thirds, thirds) == 0
    assert exchanged(small_graph(), 1, thirds, host(16, 3)) == 4096 * 10 / 16


def test_the_first_machine_has_the_input_and_gets_the_output():
    graph = small_graph()
    found = tile_cost(graph, ONES, [(1, 1, 2), (2, 4, 2), (5, 5, 2)])
    assert found.seconds == 8 + (8 + 8 + 8) + 4
    assert found.exchanged == (768 * 9 / 16, 4096 * 2 / 16, 0.0, 1024 * 4 / 8)
    one = tile_cost(graph, ONES, [(1, 5, 2)])
    assert one.seconds == pytest.approx(34 + 4)
    assert one.exchanged == (768 * 11 / 16, 1024 * 4 / 8)
    with pytest.raises(SeesawError, match="do not follow"):
        tile_cost(graph, ONES, [(1, 1, 2), (5, 5, 2)])


def test_shared_rows_are_counted_in_a_placement():
    graph = small_graph()
    site = Site(
        ("device", "server"),
        np.stack([10 * ONES, ONES]),
        (LinkState(1e9, 1e9),),
        LinkState(1024.0, 1024.0, 0.5),
    )
    alone = cost(graph, site, Placement((0, *[1] * 6)))
    both = cost(graph, site, Placement((0, *[1] * 6), (Shared(1, 5, 2),)))
    assert alone.seconds - both.seconds == pytest.approx((72 - 38) - (768 * 11 / 16 + 512) / 1024 - 2 * 0.5)
    assert both.exchanged == 768 * 11 / 16 + 512


def test_more_machines_than_rows_leave_some_idle():
    graph = small_graph()
    block = block_of(graph, ONES, 5, 5, 12)
    assert [len(one) for one in block.owns] == [1] * 8 + [0] * 4
    assert block.seconds == 1.0
