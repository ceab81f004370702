import pytest

from bench.records.compare import EXACT, differences
from tests.bench.edited import aged, edited, set_


def latency(value, low, high):
    reading = {"value": value, "low": low, "high": high, "unit": "s", "source": "clock, cpu", "n": 30}
    return set_("exits", 0, "readings", "latency", value=reading)


def test_a_time_may_lie_within_its_own_stated_spread_but_no_claim_to_be_faster_is_helped_by_one(made):
    def agrees(recorded, again):
        one, other = (edited(made(), latency(*one)) for one in (recorded, again))
        (row,) = (row for row in one.compare(other) if row.name == "exit 0: latency")
        return row.agrees

    assert agrees((64e-6, 47e-6, 103e-6), (24e-6, 23e-6, 26e-6))
    assert not agrees((64e-6, 63e-6, 65e-6), (24e-6, 23e-6, 26e-6))
    assert not agrees((6e-6, 1e-9, 1e-3), (24e-6, 23e-6, 26e-6))


@pytest.mark.parametrize(
    "change",
    [
        set_("layers", 0, "density", value=0.001),
        set_("curves", 0, "test", "right", 0, value=200),
        aged(set_("curves", 0, "points", 0, "accuracy", value=1.0)),
        set_("budget", value=0.5),
        set_(
            "exits",
            0,
            "readings",
            "latency",
            value={"value": 1e-9, "unit": "s", "source": "x", "low": 0, "high": 1e9},
        ),
        set_("exits", 0, "readings", "bytes.dense", value={"value": 1.0, "unit": "s", "source": "x"}),
        set_("exits", 0, "readings", "top1", value={"value": 1.0, "unit": "share", "source": "x", "n": 1}),
        set_("exits", 0, "readings", "made-up", value={"value": 1.0, "unit": "one", "source": "x"}),
    ],
)
def test_a_run_again_decides_what_is_allowed_and_not_the_record(made, change):
    assert not all(row.agrees for row in edited(made(), change).compare(made()))


def test_a_run_again_must_give_the_same_counts_and_like_times(made):
    record = made()
    assert all(row.agrees for row in record.compare(made()))
    wrong = {row.name for row in record.compare(made(right=(150, 180))) if not row.agrees}
    assert wrong == {
        "exit 0: top1", "exit 0: calibration.top1", "exit 0: underthinking", "the network: underthinking",
        "curve fixed, point 1: accuracy",
    }  # fmt: skip
    slower = edited(record, set_("exits", 0, "readings", "latency", "value", value=1.1e-3))
    assert all(row.agrees for row in record.compare(slower))
    other = edited(made(right=(158, 178)), set_("machine", "processor", value="another"))
    rows = record.compare(other)
    assert all(row.agrees for row in rows)
    assert any(row.allowed is None and "latency" in row.name for row in rows)
    assert not all(row.agrees for row in record.compare(made(scale=0.5)))


def test_a_record_of_version_1_is_compared_with_a_run_of_today(made):
    rows = edited(made(), aged()).compare(made())
    assert all(row.agrees for row in rows)
    assert any(row.name == "curve fixed, point 1: accuracy" for row in rows)


def test_what_differs_is_named(made):
    changes = {
        name: values for name, *values in differences(made().settings(), made(1, method="sparse").settings())
    }
    assert changes["seed"] == [0, 1]
    assert changes["setup.method.spec"] == ["dense", "sparse"]
    assert "setup.task.spec" not in changes


ELSEWHERE = [
    set_("machine", "processor", value="another"),
    set_("versions", value={"seesaw-bench": "1", "torch": "1.0"}),
]


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
@pytest.mark.parametrize(
    "change",
    [
        set_("exits", 1, "readings", "macs", "value", value=3000.1),
        set_("exits", 1, "readings", "macs.effective", "value", value=3001.0),
        set_("exits", 1, "readings", "bytes.dense", "value", value=8001.0),
        set_("exits", 1, "readings", "memory", "value", value=513.0),
        set_("exits", 1, "readings", "parameters", "value", value=2001.0),
        set_("exits", 1, "readings", "density", "value", value=0.999),
        set_("exits", 1, "readings", "density", "n", value=1501),
        set_("cuts", 1, "readings", "payload.int8", "value", value=65.0),
        set_("cuts", 1, "shape", value=[57]),
        set_("training", 0, "steps", value=11),
        set_("training", 0, "macs", value=9.1e5),
        set_("layers", 0, "density", value=0.99),
        set_("layers", 0, "shape", value=[10, 51]),
        set_("net", "macs.fvcore", "value", value=3011.0),
        set_("budget", value=1.01),
    ],
)
def test_no_other_processor_or_version_in_a_record_relaxes_counts_bytes_and_macs(made, change, elsewhere):
    record = edited(made(), elsewhere)
    assert all(row.agrees for row in record.compare(made()))
    wrong = [row for row in edited(record, change).compare(made()) if not row.agrees]
    assert wrong
    assert {row.rule for row in wrong} == {EXACT}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_elsewhere_results_of_training_may_differ_as_far_as_is_stated(made, elsewhere):
    near, far = (edited(made(right=(160, right)), elsewhere) for right in (178, 150))
    assert all(row.agrees for row in near.compare(made()))
    wrong = [row for row in far.compare(made()) if not row.agrees]
    assert {"exit 1: top1", "cut 1: top1.int8", "curve fixed, point 0: accuracy"} <= {
        row.name for row in wrong
    }
    assert {row.rule.title for row in wrong} == {"results of training, elsewhere"}
    assert any(
        row.rule.allowed == "not compared" and row.name.endswith(": bytes") for row in far.compare(made())
    )
    assert not all(row.agrees for row in made(right=(160, 178)).compare(made()))


def test_masks_that_training_chose_may_differ_elsewhere_by_a_hundredth(made):
    new = made(method="pruned", scale=0.25)
    for value, agrees in ((752.0, True), (770.0, False)):
        change = set_("exits", 1, "readings", "macs.effective", "value", value=value)
        row = next(
            row
            for row in edited(edited(new, ELSEWHERE[0]), change).compare(new)
            if row.name == "exit 1: macs.effective"
        )
        assert (row.agrees, row.rule.allowed) == (agrees, "1%")


def test_a_version_that_a_record_lacks_does_not_loosen_it(made):
    new = edited(made(), set_("versions", value={"seesaw-bench": "1", "torchmetrics": "1.9"}))
    assert made().conditions_that_differ(new) == {}
    assert new.conditions_that_differ(made()) == {"torchmetrics": ("1.9", None)}
    assert not all(row.agrees for row in made(right=(158, 180)).compare(new))


def test_times_of_other_registers_are_not_compared_and_an_older_record_says_nothing_of_them(made):
    wide, narrow = (edited(made(), set_("machine", "vectors", value=one)) for one in ("AVX-512", "AVX2"))
    assert wide.conditions_that_differ(narrow) == {"vectors": ("AVX-512", "AVX2")}
    assert made().conditions_that_differ(narrow) == {}
    (row,) = (row for row in wide.compare(narrow) if row.name == "exit 0: latency")
    assert row.allowed is None
    assert narrow.faults() == []
    (fault,) = edited(made(), set_("machine", "vectors", value="AVX-1024")).faults()
    assert "registers of AVX-1024, which are none" in fault
