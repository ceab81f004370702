"""Jobs timed in turn, on a clock that the test sets."""

import pytest
import torch

from bench.execution.clock import Probe, spread, timed
from tests.bench.ticks import Ticks

CPU = torch.device("cpu")


@pytest.fixture
def ticking(monkeypatch):
    """A clock, and no disturbance."""
    monkeypatch.setattr(Probe, "disturbed", lambda probe: False)
    return Ticks()


def test_jobs_are_timed_in_turn_for_as_many_rounds_as_the_seconds_allow(ticking):
    order = []

    def job(name, seconds):
        def run():
            order.append(name)
            ticking.now += seconds

        return run

    times, disturbed = timed(
        {"a": job("a", 1.0), "b": job("b", 3.0)}, CPU, rounds=9, seconds=15.0, clock=ticking
    )
    assert times == {"a": pytest.approx([1.0] * 4), "b": pytest.approx([3.0] * 4)}
    assert disturbed == 0
    assert order == ["a", "a", "b", "b", *"ab" * 4]  # two untimed calls of each


@pytest.mark.parametrize(("rounds", "seconds", "taken"), [(5, 1e9, 5), (9, 0.0, 3)])
def test_rounds_end_at_their_number_and_three_are_taken_in_any_case(ticking, rounds, seconds, taken):
    times, _ = timed({"a": lambda: ticking.sleep(1.0)}, CPU, rounds, seconds, clock=ticking)
    assert len(times["a"]) == taken


def test_a_round_behind_which_the_machine_is_disturbed_is_repeated(ticking, monkeypatch):
    states = iter([False, True, *[False] * 100])  # before and behind each round
    monkeypatch.setattr(Probe, "disturbed", lambda probe: next(states))
    seconds = iter([0.0, 0.0, 50.0, 1.0, 2.0, 3.0])
    times, disturbed = timed(
        {"a": lambda: ticking.sleep(next(seconds))}, CPU, rounds=3, seconds=1e9, clock=ticking
    )
    assert times["a"] == pytest.approx([1.0, 2.0, 3.0])
    assert disturbed == 0


def test_an_accelerator_is_never_disturbed():
    assert not Probe(torch.device("cuda")).disturbed()


def test_a_spread_is_the_median_and_the_quartiles():
    reading = spread([4.0, 1.0, 3.0, 2.0, 5.0, 7.0, 6.0], "test")
    assert (reading.low, reading.value, reading.high, reading.n, reading.unit) == (2.0, 4.0, 6.0, 7, "s")
