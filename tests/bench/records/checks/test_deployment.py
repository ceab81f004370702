"""Every leaf of a deployment record, changed and sealed anew, is a fault; those that may pass are listed, with the reason."""

import pytest

from bench.records.store import Store
from tests.bench.leaves import passing

MAY_PASS = {}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("deployed")


def test_a_leaf_that_is_changed_and_sealed_anew_is_a_fault_but_for_those_listed(deployed, home):
    record = deployed(home, policies=("always-device", "always-server", "best-fixed")).sealed()
    store = Store(home / "records", home / "runs")
    assert store.faults(record) == []
    print(sorted(passing(record, "but", store=store)))
    assert passing(record, "but", store=store) == set.union(set(), *MAY_PASS.values())
