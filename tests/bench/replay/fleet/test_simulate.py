"""Fleets whose servers are a queue with a closed form, and what must not change with how they are simulated.

Covers: bench/replay/fleet/fleet.py
"""

import math

import numpy as np
import pytest

from bench import SeesawError
from bench.kinds.channel import Conditions
from bench.replay.fleet.fleet import Fleet, plain_work, shared_out
from bench.replay.fleet.simulate import simulate
from bench.replay.fleet.theory import longer, mean_wait
from tests.bench.deployed import table

FAST = Conditions.of(np.zeros(1), np.array([1e12]))


def fleet(mean, tables=(FAST,), devices=200, rate=0.5, seconds=3000.0, computes=0.0, sends=0.0, **rest):
    works = [plain_work(computes, sends, mean, watts=2.0)] * len(tables)
    return Fleet(shared_out(devices, tables, works), rate, seconds, **rest)


@pytest.mark.parametrize(
    ("kind", "servers", "mean"),
    [("exponential", 1, 0.008), ("constant", 1, 0.008), ("exponential", 3, 0.025), ("exponential", 40, 0.36)],
)
def test_messages_wait_as_long_as_the_closed_form_has_it(kind, servers, mean):
    made = simulate(fleet(mean, seconds=8000.0, service=kind, seed=2, warm=50.0), servers)
    assert made.steps[5] == pytest.approx(mean_wait(100, mean, servers, kind == "exponential"), rel=0.05)
    assert made.load == pytest.approx(100 * mean, rel=0.01)
    assert made.answered == made.requests == pytest.approx(100 * 7950, rel=0.01)


def test_as_many_answers_are_late_as_the_closed_form_has_it():
    of = fleet(0.008, seconds=8000.0, service="exponential", deadline=0.1, warm=50.0, seed=5)
    # In M/M/1 the whole time at the server is exponential, with mean service / (1 - load).
    assert simulate(of, 1).miss == pytest.approx(math.exp(-0.1 * 0.2 / 0.008), rel=0.1)
    assert longer(100, 0.008, 1, 0.1) == pytest.approx(0.8 * math.exp(-0.1 * 0.2 / 0.008))


def test_nothing_hangs_on_how_time_is_cut():
    of = fleet(0.05, (table(1, loss=0.2), table(2)), 40, 1.0, 60.0, 0.1, 800.0, deadline=0.4, spread=50.0)
    first, *others = [simulate(of, 2, width) for width in (0.01, 0.9, 1e4)]
    for other in others:
        assert (other.requests, other.late, other.answered) == (first.requests, first.late, first.answered)
        assert (other.times == first.times).all()
        assert other.steps == pytest.approx(first.steps)


def test_an_outage_of_the_link_is_late_when_it_is():
    start = np.array([0.0, 400.0, 500.0])
    outage = Conditions.of(start, np.array([1e6, 0.0, 1e6]))
    made = simulate(fleet(0.001, (outage,), 500, 0.2, 1000.0, sends=100.0, deadline=1.0), 5)
    late = np.flatnonzero(made.stretches > 0.5) * 20  # each stretch is 20 s
    assert late.tolist() == [400, 420, 440, 460, 480]
    assert made.answered == made.requests


def test_what_never_arrives_is_never_answered_and_the_device_goes_on():
    dead = Conditions.of(np.array([0.0, 10.0]), np.array([1e6, 0.0]))
    made = simulate(fleet(0.001, (dead,), 50, 1.0, 20.0, sends=10.0, deadline=0.5), 1)
    assert made.answered == pytest.approx(500, rel=0.15)
    assert made.late == made.requests - made.answered
    assert made.quantile(0.9) == math.inf


def test_a_device_without_energy_makes_no_request_any_more():
    made = simulate(
        fleet(0.001, devices=100, rate=1.0, seconds=300.0, computes=0.05, battery=2.95, deadline=1.0), 1
    )
    assert made.empty == 1.0
    assert made.requests - made.lost == 100 * 30  # 30 requests of 0.1 J each
    assert made.joules == pytest.approx(3.0)
    assert made.late == made.lost


def test_devices_begin_at_their_own_places_of_the_table():
    of = fleet(0.001, (table(1),), 300, spread=100.0)
    places = of.devices(0, of.size).place
    assert 0 <= places.min() < 5 < 95 < places.max() <= 100
    assert (places == of.receivers().place).all()
    assert (places[70:200] == of.devices(70, 200).place).all()
    assert not fleet(0.001, (table(1),), 300).receivers().place.any()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"devices": 1, "tables": (FAST, FAST)}, "no fewer than channels"), ({"rate": 1e9}, "at most 4,000,000,000"),
     ({"warm": 3000.0}, "fewer seconds to warm up")],
)  # fmt: skip
def test_a_fleet_that_is_none_is_a_sentence(change, words):
    with pytest.raises(SeesawError, match=words):
        fleet(0.001, **change)
