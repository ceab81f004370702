"""Every leaf of a record, changed and sealed anew, is a fault; those that may pass are listed, with the reason.

Covers: bench/records/checks/network.py, bench/records/checks/readings.py,
bench/records/checks/walks.py
"""

import pytest
import torch

from bench.runs.request import RunRequest
from bench.runs.run import run
from tests.bench.leaves import leaves, passing

SAMPLES = 32
"""Of the test split; a share moves by one of them."""

BETWEEN = "a count of answers or decisions: only the trace can tell, if other counts leave it room"
WITHIN = "a measured time: only running it again can tell, if its quartiles, or the time that it is a part of, leave it room"
TIMES = [
    ("exits.*.readings", "latency"), ("exits.*.readings", "speedup"), ("cuts.*.readings", "latency.device"),
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
        "absent.energy", "net.macs.fvcore.source", "notes.no native chain",
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


def test_the_record_that_is_edited_is_a_whole_one(record):
    empty = {place[0] for place, value in leaves(record.model_dump(mode="json")) if value in ([], {})}
    assert empty == {"setup", "cuts", "curves"}, (
        "settings of plugins; cuts without exits; thresholds of a bound"
    )
    assert len(record.exits) == 2
    assert any(early.device not in (0, SAMPLES) for cut in record.cuts for early in cut.early)
