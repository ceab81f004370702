"""Contradictions in records of runs are found, and sound records have none.

Covers: bench/records/checks/parts.py
"""

import pytest

from bench.records.record import load
from tests.bench.edited import aged, beside_engines, edited, set_


def test_a_sound_record_has_no_fault(made, tmp_path):
    record = made()
    path = record.save(tmp_path)
    assert record.faults() == load(path).faults(path, tmp_path) == []


def test_a_sound_record_of_version_1_has_no_fault(made, tmp_path):
    record = edited(made(), aged())
    assert record.curves[0].points
    path = record.save(tmp_path)
    assert record.faults() == load(path).faults(path, tmp_path) == []


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (set_("exits", 1, "readings", "top1", "value", value=0.95), "unchanged image|leave at one exit"),
        (set_("exits", 1, "readings", "top1", "value", value=0.9033), "no share of 200"),
        (set_("exits", 0, "readings", "top1", "value", value=0.85), "leave at one exit"),
        (set_("exits", 1, "readings", "macs.effective", "value", value=10.0), "costs less|last cut|MACs"),
        (set_("exits", 0, "readings", "macs.effective", "value", value=5000.0), "more effective MACs"),
        (set_("exits", 0, "readings", "latency", "value", value=1e-9), "own quartiles"),
        (set_("exits", 0, "readings", "bytes.dense", "value", value=-1.0), "negative"),
        (set_("exits", 0, "stage", value=4), "do not rise"),
        (aged(set_("curves", 0, "points", 0, "macs", value=7.0)), "shares come to"),
        (aged(set_("curves", 0, "points", 0, "shares", value=[0.5, 0.4])), "make up all"),
        (set_("curves", 0, "costs", value=[1000.0, 2000.0]), "come to other MACs"),
        (set_("curves", 0, "test", "right", value=[180, 161]), "leave at one exit"),
        (set_("budget", value=0.7), "does not fit 20 steps"),
        (set_("budget", value=0.0), "budget"),
        (set_("seed", value=0), None),
        (set_("setup", "recipe", "epochs", value=3), "digest"),
        (set_("setup", "task", "name", value="Digits!"), "no plugin's name"),
    ],
)
def test_an_edited_number_shows_even_under_a_new_checksum(made, change, hint):
    sentences = " ".join(edited(made(), change).faults())
    assert (sentences == "") if hint is None else any(part in sentences for part in hint.split("|"))


QUICK, DENSE = {"way": "Quick 1.0", "seconds": 1e-3}, {"way": "dense", "seconds": 2e-3}


@pytest.mark.parametrize(
    ("way", "rows", "hint"),
    [
        ("Quick 1.0", [QUICK, DENSE, {"way": "Other", "reason": "not installed"}], None),
        ("Quick 1.0", None, "no note of its dense ways"),
        ("dense", [QUICK, DENSE], "is not over Quick 1.0"),
        ("Quick 1.0", [DENSE], "is not over dense"),
        ("Quick 1.0", [], "is not over any way"),
        ("Quick 1.0", [QUICK, {"way": "Other"}], "neither seconds nor a reason"),
        ("Quick 1.0", [QUICK, {"way": "Other", "seconds": -1.0}], "neither seconds nor a reason"),
        ("Quick 1.0", [QUICK, 3], "neither seconds nor a reason"),
    ],
)
def test_a_ratio_to_dense_is_over_the_fastest_way_of_its_note(made, way, rows, hint):
    sentences = " ".join(beside_engines(made(0, "sparse", scale=0.25), way, rows).faults())
    assert (sentences == "") if hint is None else hint in sentences


def counted(left, right, costs=(1000.0, 3000.0)):
    """A curve of version 2; on the calibration split half as many samples."""
    halves = {"left": [[n // 2 for n in row] for row in left], "right": [n // 2 for n in right]}
    return {
        "policy": "fixed",
        "reference": False,
        "costs": list(costs),
        "test": {"left": left, "right": right},
        "calibration": halves,
    }


def thinking(over, under):
    """Disagreements of the first exit, and so of the network, with the last; they are right about 160 and 180 of 200."""

    def change(values):
        for readings in (values["exits"][0]["readings"], values["net"]):
            readings["overthinking"]["value"] = over / 200
            readings["underthinking"]["value"] = under / 200

    return change


def test_counts_and_thinking_that_fit_are_no_fault(made):
    assert not edited(made(), set_("curves", 0, value=counted([[0, 200], [200, 0]], [180, 160]))).faults()
    assert not edited(made(), thinking(5, 25)).faults()


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (set_("setup", "backbone", "spec", value="mlp[widths=9]"), "its settings do not"),
        (set_("setup", "method", "spec", value="sparse"), "of another name"),
        (set_("setup", "exits", "spec", value="<script>"), "no spec"),
        (set_("setup", "recipe", "epochs", value="abc"), "recipe"),
        (set_("exits", 0, "readings", "top1", "unit", value="s"), "should be in share"),
        (set_("exits", 0, "readings", "bytes.dense", "unit", value="s"), "should be in B"),
        (
            set_(
                "exits", 1, "readings", "top1", value={"value": 1.0, "unit": "share", "source": "x", "n": 1}
            ),
            "samples",
        ),
        (
            set_("cuts", 1, "readings", value={"payload.int8": {"value": 1.0, "unit": "B", "source": "x"}}),
            "framed",
        ),
        (set_("budget", value=5e-324), "budget"),
        (aged(set_("curves", 0, "points", 0, "shares", value=[])), "make up all"),
        (
            set_("curves", 0, value=counted(left=[[0, 0, 200]], right=[180], costs=[1000.0, 2000.0, 3000.0])),
            "make up all",
        ),
        (set_("exits", value=[]), "do not rise"),
        (
            set_("exits", 0, "readings", "ece", value={"value": 0.1, "unit": "s", "source": "x"}),
            "be in share",
        ),
        (set_("curves", 0, value=counted(left=[[0, 100]], right=[90])), "not of 200 samples"),
        (set_("curves", 0, value=counted(left=[[0, 200]], right=[181])), "leave at one exit"),
        (
            set_("curves", 0, value=counted(left=[[0, 200]], right=[180], costs=[1000.0, 2000.0])),
            "come to other MACs",
        ),
        (thinking(5, 24), "over- and underthinking say"),
    ],
)
def test_what_a_forger_would_try_is_a_fault(made, change, hint):
    assert hint in " ".join(edited(made(), change).faults())


def walked(policy="fixed", point=0, left=(122, 78), moved=3, latency=2e-3, routing=1e-3):
    seconds = {"latency": latency, "routing": routing}
    readings = {
        name: {
            "value": value,
            "unit": "s",
            "source": "clock, batches of 8",
            "low": value,
            "high": value,
            "n": 5,
        }
        for name, value in seconds.items()
        if value is not None
    }
    return {
        "policy": policy, "point": point, "batch": 8, "left": list(left), "moved": moved, "readings": readings,
    }  # fmt: skip


def early(policy="fixed", point=0, device=120, payload=64 * 80, framed=80 * 80, right=170):
    behind = {"int8": {"payload": payload, "framed": framed, "right": right}}
    return {"policy": policy, "point": point, "device": device, "behind": behind}


def with_exits_taken(walk, at_cut):
    def change(values):
        values["curves"][0] = counted([[120, 80]], [170])
        values["walks"] = [walked(policy=None, point=None, left=(0, 200), moved=0, routing=None), walk]
        values["cuts"][1]["early"] = [at_cut]

    return change


def test_exits_that_were_taken_are_no_fault(made):
    assert not edited(made(), with_exits_taken(walked(), early())).faults()


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (with_exits_taken(walked(policy="other"), early()), "no curve has"),
        (with_exits_taken(walked(point=1), early()), "no curve has"),
        (with_exits_taken(walked(left=[200]), early()), "not there"),
        (with_exits_taken(walked(moved=201), early()), "not there"),
        (with_exits_taken(walked(routing=3e-3), early()), "decides longer"),
        (with_exits_taken(walked(routing=None), early()), "has readings of latency"),
        (with_exits_taken(walked(latency=-1.0), early()), "negative"),
        (with_exits_taken(walked(), early(policy="other")), "no curve has"),
        (with_exits_taken(walked(), early(point=1)), "no curve has"),
        (with_exits_taken(walked(), early(device=119)), "its curve says otherwise"),
        (with_exits_taken(walked(), early(right=201)), "without a cut"),
        (with_exits_taken(walked(), early(payload=64 * 80 - 1)), "does not fit"),
        (with_exits_taken(walked(), early(payload=0, framed=0)), "does not fit"),
    ],
)
def test_exits_that_were_taken_must_fit_their_curve(made, change, hint):
    assert hint in " ".join(edited(made(), change).faults())


def test_any_edit_shows_in_the_checksum(made):
    record = edited(made(), set_("machine", "processor", value="a faster one"), sealed=False)
    assert "changed after it was written" in record.faults()[0]


def test_a_record_in_anothers_place_is_contested(made, tmp_path):
    path = made().save(tmp_path)
    moved = path.with_name("seed5.json")
    path.rename(moved)
    assert "settings belong to" in " ".join(load(moved).faults(moved, tmp_path))
