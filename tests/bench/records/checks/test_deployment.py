"""Every leaf of a deployment record, changed and sealed anew, is a fault; those that may pass are listed, with the reason."""

import pytest

from bench.records.store import Store
from tests.bench.leaves import passing

MAY_PASS = {
    "of single samples: only the file of crossings can tell, and counts leave it between bounds": {
        "arms.*.bytes", "arms.*.right", "crossings", "outcomes.*.bytes", "outcomes.*.right",
    },
    "of single requests: only deploying it again can tell, and sums and bounds leave it some room": {
        "outcomes.*.late", "outcomes.*.quantiles.*", "outcomes.*.steps.*", "outcomes.*.timeline.*",
    },
    "of the channel: only its table can tell": {"way.delay", "way.down", "way.loss", "way.pieces", "way.radio", "way.table", "way.up"},
    "of another request or network, which has another place: only deploying it again can tell": {
        "seed", *(f"circumstances.{name}" for name in ("battery", "deadline", "devices", "fallback", "load", "order_seed", "rate", "reply", "report", "seconds")),
    },
    "of a profile: only the profile can tell, and nothing is computed from it": {
        "device.disturbed", "device.exits.*", "device.heads.*", "device.server.*", "device.source", "server.source",
    },
    "of a scaled profile: only the one that it scales can tell, and policies alone look at it": {"device.by_layer"},
    "who announces a plugin": {
        "players.*.origin", "device.profile.origin", "server.profile.origin", "way.channel.origin",
        *(f"part.setup.{kind}.origin" for kind in (
            "task", "backbone", "method", "exits", "policies.*", "codecs.*", "meters.*")),
    },
    "of the place and time: nothing is computed from it": {
        "commit", "dirty",
        *(f"versions.{name}" for name in (
            "fvcore", "numpy", "python", "pytorch-lightning", "scikit-learn", "torch", "torchmetrics", "torchvision")),
    },
}  # fmt: skip
"""By the reason, the places of leaves that neither other numbers nor the record of the run imply."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("deployed")


def test_a_leaf_that_is_changed_and_sealed_anew_is_a_fault_but_for_those_listed(deployed, home):
    record = deployed(home, policies=("always-device", "always-server", "best-fixed")).sealed()
    store = Store(home / "records", home / "runs")
    assert store.faults(record) == []
    assert passing(record, "but", store=store) == set.union(*MAY_PASS.values())
