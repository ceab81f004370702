"""Times of one record against each other."""

from bench.records.checks.times import time_faults
from bench.records.notes import OUT_OF_ORDER
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
