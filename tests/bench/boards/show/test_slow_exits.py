"""Exits that save multiply-accumulates and no time."""

import pytest

from bench.boards.show.slow_exits import slow_exits, slow_walks
from tests.bench.made import make


def timed(record, number, value, name="latency"):
    own = record.exits[-1].readings["latency"]
    record.exits[number].readings[name] = own.model_copy(
        update={"value": value, "low": 0.9 * value, "high": 1.1 * value}
    )


@pytest.fixture
def record():
    found = make()
    timed(found, 0, 20e-6)
    timed(found, 0, 12e-6, "latency.head")
    timed(found, 1, 19e-6)
    return found


def test_an_exit_that_saves_multiply_accumulates_and_no_time_is_told_with_its_heads_time(record):
    assert list(slow_exits(record)) == [
        "Exit 0 saves 67% of the multiply-accumulates and no time: its head alone takes 12 us of its 20 us."
    ]


def test_times_of_a_disturbed_machine_tell_nothing(record):
    own = record.exits[0].readings["latency"]
    record.exits[0].readings["latency"] = own.model_copy(update={"disturbed": own.n})
    assert list(slow_exits(record)) == []


def test_an_exit_that_is_faster_beyond_the_quartiles_of_both_is_not(record):
    timed(record, 1, 40e-6)
    assert list(slow_exits(record)) == []


def test_neither_is_one_that_saves_nothing_nor_one_whose_head_was_not_timed(record):
    macs = record.exits[0].readings["macs.effective"]
    record.exits[0].readings["macs.effective"] = record.exits[1].readings["macs.effective"]
    assert list(slow_exits(record)) == []
    record.exits[0].readings["macs.effective"] = macs
    del record.exits[0].readings["latency.head"]
    assert list(slow_exits(record)) == []


def walked(record, policy, **changes):
    number = next(n for n, walk in enumerate(record.walks) if walk.policy == policy and walk.batch == 1)
    record.walks[number] = record.walks[number].model_copy(update=changes)
    return record.walks[number]


def test_a_policy_that_saves_multiply_accumulates_and_no_time_is_told_with_what_heads_and_deciding_take(
    record,
):
    cheap = min(range(2), key=lambda point: record.curves[0].outcomes[point].macs)
    own = walked(record, "fixed", point=cheap).readings
    whole = walked(record, None).readings["latency"].value
    own["latency"] = own["latency"].model_copy(update={"value": 1.2 * whole})
    own["routing"] = own["routing"].model_copy(update={"value": 0.1 * whole})
    (line,) = slow_walks(record)
    assert line == (
        "By fixed a single sample takes 33% of the multiply-accumulates and no less time: of its 1.32 ms, early heads alone take "
        "12 us, and deciding 110 us."
    )
    own["latency"] = own["latency"].model_copy(update={"value": 0.5 * whole})
    assert list(slow_walks(record)) == []


def test_without_a_time_of_every_head_nothing_is_told_of_walks(record):
    cheap = min(range(2), key=lambda point: record.curves[0].outcomes[point].macs)
    own, whole = walked(record, "fixed", point=cheap).readings, walked(record, None).readings["latency"].value
    own["latency"] = own["latency"].model_copy(update={"value": 1.2 * whole})
    del record.exits[0].readings["latency.head"]
    assert list(slow_walks(record)) == []
