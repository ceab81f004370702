"""Shares of a fleet's devices: whatever they are, the fleet is the same."""

import pickle

import numpy as np
import pytest

from bench.replay.fleet.fleet import Fleet, plain_work, shared_out
from bench.replay.fleet.share import Away, Here, gathered, split
from bench.replay.fleet.simulate import simulate
from tests.bench.deployed import table

TABLES = [table(1, loss=0.2), table(2)]


def fleet(**more):
    works = [plain_work(0.1, 800.0, 0.05, watts=2.0)] * 2
    return Fleet(shared_out(41, TABLES, works), 1.0, 60.0, deadline=0.4, spread=50.0, battery=9.0, **more)


class Elsewhere:
    """Shares as a cluster has them: fleets and messages are copied on their way."""

    def __init__(self, of, count):
        self.shares = [Away(pickle.loads(pickle.dumps(of)), *pair) for pair in split(of.size, count)]
        self.is_over, self.asked, self.closed = False, [], False

    def go(self, until, then, messages, filled):
        self.asked.append((until, then))
        sent = [pickle.loads(pickle.dumps(one.go(until))) for one in self.shares]
        messages, filled, self.is_over = gathered(sent, messages, filled)
        return messages, filled

    def spent(self):
        return [pickle.loads(pickle.dumps(one.spent())) for one in self.shares]

    def close(self):
        self.closed = True


@pytest.mark.parametrize("count", [2, 5, 41])
def test_a_fleet_is_the_same_in_any_number_of_shares(count):
    of, begun = fleet(), []

    def elsewhere(one):
        begun.append(Elsewhere(one, count))
        return begun[-1]

    whole = simulate(of, 2)
    for other in (simulate(of, 2, begin=lambda one: Here.of(one, count)), simulate(of, 2, begin=elsewhere)):
        for name in ("requests", "answered", "late", "lost", "sent", "right", "batches"):
            assert getattr(other, name) == getattr(whole, name), name
        assert (other.times == whole.times).all()
        assert other.steps == pytest.approx(whole.steps)
        assert (other.joules, other.empty, other.load) == pytest.approx(
            (whole.joules, whole.empty, whole.load)
        )
        np.testing.assert_array_equal(other.stretches, whole.stretches)
    assert whole.lost > 0
    (team,) = begun
    assert team.closed
    assert [then for _, then in team.asked[:-1]] == [
        until for until, _ in team.asked[1:]
    ]  # so that they may go on before they are asked


def test_devices_are_shared_out_as_evenly_as_can_be():
    assert split(10, 3) == [(0, 3), (3, 6), (6, 10)]
    assert split(2, 5) == [(0, 1), (1, 2)]
    assert split(1, 1) == [(0, 1)]
