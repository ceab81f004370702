"""Jobs timed in turn, on a clock that the test sets."""

import os
import threading
import time

import pytest
import torch

from bench.execution.clock import Times, spread, timed
from bench.machine import WALL
from tests.bench.ticks import Ticks

CPU = torch.device("cpu")


def test_jobs_are_timed_in_turn_for_as_many_rounds_as_the_seconds_allow():
    order, clock = [], Ticks()

    def job(name, seconds):
        def run():
            order.append(name)
            clock.now += seconds * (1 + len(order) % 7)

        return run

    times = timed({"a": job("a", 1.0), "b": job("b", 3.0)}, CPU, rounds=9, seconds=60.0, clock=clock)
    assert [len(one.wall) for one in times.values()] == [4, 4]
    assert times["b"].wall[0] == pytest.approx(3.0 * 7)
    assert order == ["a", "a", "b", "b", *"ab" * 4]  # two untimed calls of each


@pytest.mark.parametrize(("rounds", "seconds", "taken"), [(5, 1e9, 5), (9, 0.0, 3), (30, 1e9, 8)])
def test_rounds_end_at_their_number_or_when_they_are_tight_and_three_are_taken_in_any_case(
    rounds, seconds, taken
):
    clock = Ticks()
    times = timed({"a": lambda: clock.sleep(1.0)}, CPU, rounds, seconds, clock=clock)
    assert len(times["a"].wall) == taken


def test_short_jobs_are_warmed_before_each_timing_but_the_first():
    order, clock = [], Ticks()

    def job(name, seconds):
        return lambda: (order.append(name), clock.sleep(seconds))

    timed({"a": job("a", 0.5), "b": job("b", 2.0)}, CPU, 3, 0.0, clock=clock, warm_ups=0, warmed=1.0)
    assert "".join(order) == "ab" + 2 * "aab"


def slowed(clock, calls):
    """A job of a second; in some calls other programs hold it up for 50 more, of which it waits 40 for a core."""
    count = iter(range(1000))

    def run():
        disturbed = next(count) - 2 in calls  # two calls are not timed
        clock.now += 51.0 if disturbed else 1.0
        clock.waited += 40.0 if disturbed else 0.0

    return run


def test_calls_in_which_a_thread_waited_for_a_core_do_not_count():
    clock = Ticks()
    times = timed({"a": slowed(clock, {0, 2})}, CPU, rounds=4, seconds=1e9, clock=clock)["a"]
    assert times.disturbed == [True, False, True, False, False, False]
    reading = times.reading("test", each=2)
    assert (reading.value, reading.n, reading.disturbed) == (pytest.approx(0.5), 4, 0)
    assert reading.is_reliable


def test_where_hardly_a_call_was_undisturbed_all_count_and_the_reading_is_called_unreliable():
    clock = Ticks()
    times = timed({"a": slowed(clock, set(range(99)) - {1})}, CPU, rounds=4, seconds=0.0, clock=clock)["a"]
    reading = times.reading("test")
    assert (reading.value, reading.n, reading.disturbed) == (pytest.approx(51.0), 3, 2)
    assert not reading.is_reliable


def test_ratios_are_of_rounds_in_which_neither_was_disturbed():
    over = Times([4.0, 90.0, 4.0, 4.0, 4.0], [4.0] * 5, [False, True, False, False, False])
    under = Times([2.0, 2.0, 80.0, 2.0, 1.0], [2.0] * 5, [False, False, True, False, False])
    ratio = over.over(under, "test")
    assert (ratio.value, ratio.n, ratio.disturbed, ratio.unit) == (2.0, 3, 0, "x")


def test_a_median_is_tight_when_its_interval_is_a_small_part_of_it():
    def times(*wall):
        return Times(list(wall), list(wall), [False] * len(wall))

    assert not times(*[1.0] * 7).is_settled  # too few for an interval
    assert times(*[1.0] * 8).is_settled
    assert not times(*[1.0, 1.2] * 4).is_settled
    assert times(*[1.0] * 20, 9.0).is_settled


def test_an_accelerator_is_never_disturbed():
    clock = Ticks()
    times = timed({"a": slowed(clock, range(9))}, torch.device("meta"), 3, 1e9, clock=clock)
    assert times["a"].disturbed == [False] * 3


def test_a_spread_is_the_median_and_the_quartiles():
    reading = spread([4.0, 1.0, 3.0, 2.0, 5.0, 7.0, 6.0], "test")
    assert (reading.low, reading.value, reading.high, reading.n, reading.unit) == (2.0, 4.0, 6.0, 7, "s")


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="the system counts no waiting")
def test_times_are_told_with_as_many_digits_as_a_clock_has():
    reading = spread([0.0012970070019946434, 0.0012116990001231898, 0.001374846000544494], "test")
    assert (reading.low, reading.value, reading.high) == (0.001211699, 0.001297007, 0.001374846)
    own = Times(wall=[1.0] * 3, processor=[2 / 3] * 3, disturbed=[False] * 3).reading("test")
    assert own.processor == 0.6666667


def test_threads_that_share_a_core_wait_for_it_and_a_sleeping_one_does_not():
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        stop = threading.Event()
        waited = WALL.waiting()
        before = waited()
        time.sleep(0.05)
        slept = waited() - before
        others = [threading.Thread(target=_spin, args=(stop,)) for _ in range(2)]
        for one in others:
            one.start()
        waited = WALL.waiting()
        before = waited()
        torch.ones(400, 400).matmul(torch.ones(400, 400))
        time.sleep(0.1)
        shared = waited() - before
        stop.set()
        for one in others:
            one.join()
    finally:
        os.sched_setaffinity(0, cores)
    assert shared > slept


def _spin(stop):
    matrix = torch.ones(300, 300)
    while not stop.is_set():
        matrix @ matrix
