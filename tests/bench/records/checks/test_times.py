"""Times of one record against each other."""

from bench.records.checks.times import time_faults
from bench.records.notes import OUT_OF_ORDER
from tests.bench.edited import beside_engines
from tests.bench.made import make


def test_exits_that_a_note_calls_slower_than_a_deeper_one_are():
    record = make()
    noted = record.model_copy(update={"notes": record.notes | {OUT_OF_ORDER: {"0": 1}}})
    (fault,) = time_faults(noted)
    assert fault == "A note says that exit 0 is slower than exit 1, and their times do not."
    slow = noted.exits[0].readings["latency"]
    slow = slow.model_copy(update={"value": 1.5e-3, "low": 1.4e-3, "high": 1.6e-3, "disturbed": slow.n})
    noted.exits[0].readings["latency"] = slow
    assert list(time_faults(noted)) == []


def test_a_ratio_to_dense_that_the_seconds_of_its_note_do_not_give_is_a_fault():
    quick = {"way": "Quick 1.0", "seconds": 1e-3}
    record = beside_engines(make(0, "sparse", scale=0.5), rows=[quick])
    assert list(time_faults(record)) == []
    ratio = record.exits[-1].readings["speedup.fastest"]
    for factor in (0.2, 5.0):
        forged = {name: getattr(ratio, name) * factor for name in ("value", "low", "high")}
        record.exits[-1].readings["speedup.fastest"] = ratio.model_copy(update=forged)
        (fault,) = time_faults(record)
        assert f"{forged['value']:g} x as fast as the fastest dense way" in fault
    record.exits[-1].readings["speedup.fastest"] = ratio.model_copy(update=forged | {"disturbed": 3})
    assert list(time_faults(record)) == []


def test_a_note_of_dense_ways_that_is_none_ends_no_check():
    for rows in ([3], 3, [{"way": "Quick 1.0", "seconds": "1"}]):
        assert (
            list(
                time_faults(
                    beside_engines(
                        make(0, "sparse", scale=0.5), rows=rows if isinstance(rows, list) else [rows]
                    )
                )
            )
            == []
        )


def test_a_head_alone_takes_no_longer_than_all_up_to_its_exit():
    record = make()
    own = record.exits[0].readings["latency"]
    for factor, faults in ((0.5, 0), (20.0, 1)):
        alone = {name: getattr(own, name) * factor for name in ("value", "low", "high")}
        record.exits[0].readings["latency.head"] = own.model_copy(update=alone)
        found = list(time_faults(record))
        assert len(found) == faults
    assert found[0].startswith("The head of the exit of stage 0 takes 0.02 s alone")
    record.exits[0].readings["latency.head"] = own.model_copy(update=alone | {"disturbed": 3})
    assert list(time_faults(record)) == []
