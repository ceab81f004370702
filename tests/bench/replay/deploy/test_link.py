import math

import numpy as np
import pytest

from bench.kinds.channel import Conditions
from bench.replay.deploy.link import carried, directions, piece, repairs, transfer
from tests.bench.deployed import sent_at, table


@pytest.mark.parametrize("seed", range(3))
def test_a_payload_leaves_when_a_walk_piece_by_piece_has_it(seed):
    conditions = table(seed, loss=0.4)
    up, _ = directions(conditions)
    rng = np.random.default_rng(seed)
    for moment, count in zip(rng.uniform(0, 250, 200), rng.integers(0, 40_000, 200), strict=True):
        begin, end, arrived, first, last = transfer(
            *up[:5], moment, 0.0, count, 1e-9, int(rng.integers(0, 200))
        )
        expected, place = sent_at(conditions.start, conditions.up * (1 - conditions.loss), moment, count)
        assert begin == moment
        assert end == pytest.approx(expected, rel=1e-9)
        assert (first, last) == (np.searchsorted(conditions.start, moment, "right") - 1, place)
        assert arrived == pytest.approx(expected + conditions.delay[place], rel=1e-9)


def test_bytes_carried_are_a_sum_in_small_steps_and_the_near_piece_does_not_matter():
    up, _ = directions(table(1))
    for moment in np.linspace(0.1, 200, 40):
        at = np.searchsorted(up.start, moment, "right") - 1
        assert {piece(up.start, moment, near) for near in (0, 5, 100, 199)} == {at}
        steps = np.arange(0, moment, 1e-3)
        rough = up.rate[np.searchsorted(up.start, steps, "right") - 1].sum() * 1e-3
        assert carried(up.start, up.rate, up.total, moment, 0) == pytest.approx(rough, rel=2e-2)


def test_what_a_link_never_carries_never_arrives():
    up, down = directions(Conditions.of(np.array([0.0, 2.0]), np.array([100.0, 0.0]), down=1.0))
    assert transfer(*up[:5], 1.0, 0.0, 100, 0.5, 0)[1] == 2.0
    assert transfer(*up[:5], 1.0, 0.0, 101, 0.5, 0)[1:3] == (math.inf, math.inf)
    assert transfer(*up[:5], 5.0, 0.0, 1, 0.5, 0)[1:3] == (math.inf, math.inf)
    assert transfer(*up[:5], 1.0, math.inf, 1, 0.5, 0)[:3] == (math.inf, math.inf, math.inf)
    assert transfer(*down[:5], 5.0, 7.0, 3, 0.5, 0)[:3] == (7.0, 10.0, 10.0)


def test_as_many_round_trips_are_needed_as_packets_drawn_one_by_one_need():
    rng, loss, count = np.random.default_rng(0), 0.3, 4 * 1500
    drawn = []
    for _ in range(4000):
        left, rounds = 4, -1
        while left:
            left, rounds = int((rng.random(left) < loss).sum()), rounds + 1
        drawn.append(rounds)
    found = [repairs(count, loss, luck) for luck in 1 - rng.random(4000)]
    assert np.mean(found) == pytest.approx(np.mean(drawn), abs=0.06)
    assert [np.mean(np.array(found) <= r) for r in range(4)] == pytest.approx(
        [(1 - loss ** (r + 1)) ** 4 for r in range(4)], abs=0.03
    )
    assert repairs(count, 0.0, 0.999) == 0
    assert repairs(count, 1.0, 0.1) == math.inf
    assert repairs(count, 0.5, 1.0) == math.inf  # the one draw that no number of rounds is enough for
