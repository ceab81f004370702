"""Every leaf of a stream record, changed and sealed anew, is a fault; those that may pass are listed, with the reason."""

import pytest

from bench.records.store import Store
from tests.bench.leaves import passing

MAY_PASS = {
    "a count of answers or a sum of rewards: only the trace can tell, and plays leave it between bounds": {
        "results.*.right.*", "results.*.regret.*",
    },
    "of another request or network, which has another place: only replaying it can tell": {
        "seed", "order_seed", "sends.*",
    },
    "who announces a plugin": {
        "entrants.*.origin",
        *(f"parts.*.setup.{kind}.origin" for kind in (
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
    return tmp_path_factory.mktemp("told")


def test_a_leaf_that_is_changed_and_sealed_anew_is_a_fault_but_for_those_listed(streamed, home):
    record, store = streamed(home, offloads=("0.1", "0.6")).sealed(), Store(home / "records", home / "runs")
    assert store.faults(record) == []
    assert passing(record, "but", store=store) == set.union(*MAY_PASS.values())
