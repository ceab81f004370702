"""Every leaf of a measured deployment, changed and sealed anew, is a fault; those that may pass are listed, with the reason."""

import json

import pytest

from bench.records.measured import MeasuredDeployment
from bench.records.store import Store
from tests.bench.leaves import passing
from tests.bench.measured import measured

MAY_PASS = {
    "of single samples and moments: only predicting it again can tell, and what the link allows leaves them some room": {
        "added.*", "arm.bytes", "arm.right", "crossings", "due.*", "samples.*",
    },
    "of the channel: only its table can tell": {f"way.{name}" for name in ("delay", "down", "loss", "pieces", "radio", "table", "up")},
    "of another request or network, which has another place: only predicting it again can tell": {
        "seed", *(f"asked.{name}" for name in ("order_seed", "rate", "reply", "report", "seconds")),
    },
    "of a profile: only the profile can tell": {"device.source", "server.source"},
    "who announces a plugin": {
        "policy.origin", "device.profile.origin", "server.profile.origin", "way.channel.origin",
        *(f"part.setup.{kind}.origin" for kind in (
            "task", "backbone", "method", "exits", "policies.*", "codecs.*", "meters.*")),
    },
    "of the place and time: nothing else follows from it": {
        "commit", "created", "dirty", "others",
        *(f"machine.{name}" for name in ("cores", "deterministic", "device", "governor", "processor", "system", "threads")),
        *(f"versions.{name}" for name in (
            "fvcore", "grpcio", "numpy", "python", "pytorch-lightning", "scikit-learn", "torch", "torchmetrics", "torchvision")),
    },
}  # fmt: skip
"""By the reason, the places of leaves that neither other numbers nor the record of the run imply."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("measured")


def test_a_leaf_that_is_changed_and_sealed_anew_is_a_fault_but_for_those_listed(traced, home):
    store = Store(home / "records", home / "runs")
    record = measured(traced, home, store, rate=3.0, seconds=3.0)
    assert store.faults(record) == []
    found = passing(record, "but", store=store)
    assert found == set.union(*MAY_PASS.values())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda v: v["measured"].update(right="1" * len(v["due"])), "come to right"),
        (lambda v: v["measured"]["seconds"].__setitem__(0, 1e-4), "s in all"),
        (lambda v: v["measured"].update(places="e" * len(v["due"])), "was answered by exit -1"),
        (lambda v: v["measured"]["bytes"].pop(), "is not of"),
        (lambda v: v["totals"].pop("measured"), "has no totals of what it measured"),
        (lambda v: v["asked"].update(devices=3), "several devices"),
        (lambda v: v["asked"].update(deadline=0.5), "the one without the other"),
        (lambda v: v["due"].reverse(), "do not rise"),
        (lambda v: v["arm"].update(cut=0), "cuts elsewhere than"),
    ],
)
def test_what_cannot_be_is_a_sentence(traced, home, change, sentence):
    values = json.loads(measured(traced, home, Store(home / "records", home / "runs")).model_dump_json())
    change(values)
    assert any(sentence in one for one in MeasuredDeployment.model_validate(values).contradictions())


def test_nothing_is_faster_than_its_link(traced, home):
    store = Store(home / "records", home / "runs")
    quick = measured(traced, home, store, slower=0.6)
    assert any("its link alone takes" in one for one in quick.contradictions())
