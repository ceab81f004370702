"""Speedups against the dense parent's record."""

from bench.records.checks.times import time_faults
from bench.records.notes import OUT_OF_ORDER
from bench.records.store import Store
from tests.bench.leaves import passing_groups
from tests.bench.made import make

SPEEDUPS = {"speedups": lambda place: place[0] == "exits" and place[-1] == "speedup"}


def parent_and_child(folder, **machine):
    store = Store(folder / "records")
    parent, child = make(method="dense"), make(method="sparse")
    parent = parent.model_copy(update={"machine": parent.machine | machine}).sealed()
    store.save(parent)
    store.save(child)
    return store, child


def test_speedups_that_are_scaled_contradict_the_record_of_the_dense_parent(tmp_path):
    store, child = parent_and_child(tmp_path)
    assert store.faults(child) == []
    assert passing_groups(child, SPEEDUPS, factors=(0.1, 5.0, 10.0), store=store) == set()


def test_another_processors_times_say_nothing_of_a_speedup(tmp_path):
    store, child = parent_and_child(tmp_path, processor="another")
    assert passing_groups(child, SPEEDUPS, factors=(5.0,), store=store) == {("speedups", 5.0)}


def test_without_the_parents_record_nothing_is_held(tmp_path):
    child = make(method="sparse")
    assert Store(tmp_path).faults(child) == []


def test_exits_that_a_note_calls_slower_than_a_deeper_one_are(tmp_path):
    record = make()
    noted = record.model_copy(update={"notes": record.notes | {OUT_OF_ORDER: {"0": 1}}})
    (fault,) = time_faults(noted)
    assert fault == "A note says that exit 0 is slower than exit 1, and their times do not."
    slow = noted.exits[0].readings["latency"]
    slow = slow.model_copy(update={"value": 1.5e-3, "low": 1.4e-3, "high": 1.6e-3, "disturbed": slow.n})
    noted.exits[0].readings["latency"] = slow
    assert list(time_faults(noted)) == []
