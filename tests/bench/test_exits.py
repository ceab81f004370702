import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import places


def test_three_exits_stand_at_a_quarter_a_half_and_all():
    shares = [i / 10 for i in range(1, 11)]
    assert places(shares, 3) == [1, 4, 9]


def test_a_backbone_with_fewer_stages_gets_an_exit_at_each():
    assert places([0.9, 1.0], 3) == [0, 1]
    assert places([1.0], 3) == [0]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_last_stage_always_has_one(count):
    assert places([0.1, 0.2, 0.4, 0.9, 1.0], count)[-1] == 4


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.integers(1, 12))
def test_places_are_distinct_and_rise(costs, count):
    total = sum(costs)
    shares = [sum(costs[: i + 1]) / total for i in range(len(costs))]
    found = places(shares, count)
    assert found == sorted(set(found))
    assert len(found) == min(count, len(costs))
