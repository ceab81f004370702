"""Every leaf of a record, changed and sealed anew, is a fault; those that may pass are listed, with the reason.

Covers: bench/records/checks/readings.py,
bench/records/checks/walks.py
"""

import json

import pytest
import torch

from bench.execution import native
from bench.runs.request import RunRequest
from bench.runs.run import run
from tests.bench.leaves import leaves, passing, passing_groups

SAMPLES = 32
"""Of the test split; a share moves by one of them."""

BETWEEN = "a count of answers or decisions: only the trace can tell, if other counts leave it room"
WITHIN = "a measured time: only running it again can tell, if its quartiles, or the time that it is a part of, leave it room"
TIMES = [
    ("exits.*.readings", "latency"), ("exits.*.readings", "latency.head"), ("exits.*.readings", "speedup"), ("cuts.*.readings", "latency.device"),
    ("cuts.*.readings", "latency.server"), ("walks.*.readings", "latency"), ("walks.*.readings", "routing"),
]  # fmt: skip
MAY_PASS = {
    "a measured time: only running it again can tell": {
        *(f"{place}.{name}.{number}" for place, name in TIMES for number in ("low", "high", "n", "disturbed")),
        *(f"{place}.{name}.processor" for place, name in TIMES if name.startswith("latency")),
        "training.*.seconds",
        *(f"seconds.{phase}" for phase in (
            "build", "cuts", "data", "dense steps", "energy", "latency", "macs", "memory", "pack", "replay", "storage", "trace",
            "train", "walks")),
    },
    WITHIN: {f"{place}.{name}.value" for place, name in TIMES},
    BETWEEN: {
        "curves.*.test.right.*", "curves.*.calibration.right.*", "curves.*.thresholds.*.*", "exits.*.readings.top5.value",
        "cuts.*.readings.top1.int8.value", "cuts.*.readings.top5.int8.value", "cuts.*.readings.top1.jpeg.value",
        "cuts.*.readings.top5.jpeg.value", "cuts.*.readings.agree.int8.value", "cuts.*.readings.agree.jpeg.value",
        "cuts.*.readings.volume.jpeg.value", "walks.*.moved", "cuts.*.early.*.behind.int8.right",
    },
    "of all logits: only the trace can tell": {
        "exits.*.readings.ece.value", "exits.*.readings.ece.scaled.value", "exits.*.readings.temperature.value",
    },
    "of weights: only the network can tell, and other numbers leave it between bounds": {
        "exits.*.readings.density.effective.value", "cuts.*.readings.density.effective.device.value",
        "exits.*.readings.parameters.value", "exits.*.readings.memory.value", "cuts.*.readings.memory.device.value",
        *(f"cuts.*.readings.bytes.{form}.device.value" for form in
          ("dense", "bitmap", "indexed", "delta", "pattern", "mixed")),  # at a cut without an exit before it
        "cuts.*.shape.*",  # of the last, which nothing crosses
        "net.macs.fvcore.value",  # within the share by which counters may differ
        "layers.*.name", "layers.*.pattern", "notes.weights sha256",
    },
    "a course of training that leaves no other trace": {"training.*.accuracy.*", "training.*.loss"},
    "of another request, which has another place: only running it again can tell": {
        "seed", "setup.task_version", "setup.task_identity", "setup.backbone_identity", "setup.cut", "setup.lean",
        "setup.calibrate",
        "setup.recipe.crop", "setup.recipe.flip", "setup.recipe.weight_decay",
    },
    "who announces a plugin": {
        *(f"setup.{kind}.origin" for kind in (
            "task", "backbone", "method", "exits", "policies.*", "codecs.*", "meters.*")),
    },
    "of the place and time: nothing is computed from it": {
        *(f"machine.{key}" for key in ("cores", "deterministic", "governor", "neighbours", "processor", "system", "threads")),
        *(f"versions.{name}" for name in (
            "fvcore", "numpy", "python", "pytorch-lightning", "scikit-learn", "torch", "torchmetrics", "torchvision")),
        "commit", "created", "dirty",
    },
    "prose": {
        "absent.energy", "absent.speedup.fastest", "net.macs.fvcore.source", "notes.no native chain",
        *(f"notes.uncounted operators.{name}" for name in ("constant_pad_nd", "relu")),
    },
}  # fmt: skip
"""By the reason, the places of leaves that no other number implies."""


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """Of a whole small run: two exits of three stages, masks with patterns, every meter."""
    home = tmp_path_factory.mktemp("whole")
    patch = pytest.MonkeyPatch()
    patch.setattr("bench.measuring.meters.energy.rapl", lambda: "no counter")
    torch.manual_seed(0)
    request = RunRequest(
        task=f"blobs[noise=250,test={SAMPLES},train=256]", model="mlp[widths=32:24:16]_sparse[density=0.5]",
        exits="joint[exits=2]", policies=("fixed", "entropy", "oracle"), codecs=("float32", "int8"),
        meters=("macs", "memory", "storage", "latency[rounds=3,seconds=0.1]", "energy"),
        recipe={"epochs": "2", "batch": "32"}, **{name: home / name for name in ("records", "runs", "data")},
    )  # fmt: skip
    yield run(request)
    patch.undo()


PARTS = [
    ("exits",),
    ("cuts",),
    ("curves",),
    ("walks", "training"),
    ("but", "exits", "cuts", "curves", "walks", "training"),
]


@pytest.mark.parametrize("parts", PARTS, ids=[parts[-1] for parts in PARTS])
def test_a_leaf_that_is_changed_and_sealed_anew_is_a_fault_but_for_those_listed(record, parts):
    assert record.faults() == []
    listed = {
        place
        for place in set.union(*MAY_PASS.values())
        if (place.partition(".")[0] in parts) != (parts[0] == "but")
    }
    found = passing(record, *parts, step=1 / SAMPLES)
    either = MAY_PASS[BETWEEN] | MAY_PASS[WITHIN]
    assert found - either == listed - either


def steady(record):
    """The record with times of a quiet machine: stages that take equally long, however they are timed."""
    values = json.loads(record.model_dump_json())
    total, stages = 1e-3, len(values["cuts"]) - 1
    seconds = {
        ("exits", n, "latency"): total * (e["stage"] + 1) / stages for n, e in enumerate(values["exits"])
    }
    seconds |= {("exits", n, "latency.head"): total / 100 for n in range(len(values["exits"]))}
    for cut in range(stages + 1):
        seconds |= {("cuts", cut, "latency.device"): total * cut / stages}
        seconds |= {("cuts", cut, "latency.server"): total * (stages - cut) / stages}
    seconds |= {("walks", n, "latency"): total for n in range(len(values["walks"]))}
    seconds |= {("walks", n, "routing"): total / 10 for n in range(len(values["walks"]))}
    for (part, number, name), time in seconds.items():
        if (reading := values[part][number]["readings"].get(name)) is not None:
            reading |= {"value": time, "low": time, "high": time, "processor": time, "n": 3, "disturbed": 0}
            reading |= {"processor": None} if name == "routing" else {}
    return type(record).model_validate(values)


def test_a_whole_group_of_times_that_is_scaled_is_a_fault(record):
    quiet = steady(record)
    assert next(quiet.contradictions(), None) is None
    groups = {
        "latencies of exits": lambda place: place[0] == "exits" and place[-1] == "latency",
        "latencies of cuts": lambda place: place[0] == "cuts" and place[-1].startswith("latency."),
        "latencies of the devices' parts": lambda place: place[0] == "cuts" and place[-1] == "latency.device",
        "latency of the last exit": lambda place: place[:2] == ("exits", len(record.exits) - 1) and place[-1] == "latency",
        "latencies of earlier exits": lambda place: place[:2] == ("exits", 0) and place[-1] == "latency",
    }  # fmt: skip
    assert passing_groups(quiet, groups) == set()
    assert passing_groups(quiet, groups, factors=(1.0,)) == {(name, 1.0) for name in groups}


def test_times_of_a_disturbed_machine_are_not_held_against_others(record):
    values = json.loads(steady(record).model_dump_json())
    for exit_ in values["exits"]:
        exit_["readings"]["latency"]["disturbed"] = 3
    disturbed = type(record).model_validate(values)
    groups = {"exits": lambda place: place[0] == "exits" and place[-1] == "latency"}
    assert passing_groups(disturbed, groups, factors=(10.0,)) == {("exits", 10.0)}


def test_the_record_that_is_edited_is_a_whole_one(record):
    empty = {place[0] for place, value in leaves(record.model_dump(mode="json")) if value in ([], {})}
    assert empty == {"setup", "cuts", "curves"}, (
        "settings of plugins; cuts without exits; thresholds of a bound"
    )
    assert len(record.exits) == 2
    assert record.machine.get("vectors", "") == native.vectors(), "where there are kernels, their registers"
    assert any(early.device not in (0, SAMPLES) for cut in record.cuts for early in cut.early)
