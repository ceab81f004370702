"""Deployment records: their places, their files, and what in them was modelled.

Covers: bench/records/circumstances.py
"""

import pytest

from bench import SeesawError
from bench.records.deployment import DeploymentRecord
from bench.records.store import Store, open_file


def test_a_written_record_is_found_read_and_sound(deployed, tmp_path):
    record = deployed(tmp_path).sealed()
    store = Store(tmp_path / "records", tmp_path / "runs")
    path = store.save(record)
    assert path.parent.parent == tmp_path / "deployments" / "digits-v1"
    assert open_file(path) == record
    assert store.faults(record, path) == []
    (entry,), trouble = store.entries(DeploymentRecord)
    assert entry.sound
    assert not trouble


def test_another_request_has_another_place_and_another_seed_the_same_kin(deployed, tmp_path):
    one, two = deployed(tmp_path), deployed(tmp_path, rate=9.0)
    assert one.digest != two.digest
    other = deployed(tmp_path, seed=1)
    assert other.kin == one.kin != two.kin
    assert other.path(tmp_path) != one.path(tmp_path)


def test_what_is_modelled_is_named(deployed, tmp_path):
    assert deployed(tmp_path, profile="recorded").modelled == []
    scaled = deployed(tmp_path, profile="scaled[by=3,watts=1]").modelled
    assert scaled[0].startswith("times of the device (3 x the run's record")
    assert scaled[1:] == ["power of the device"]


def test_an_infinite_time_is_none_and_counted(deployed, tmp_path):
    record = deployed(tmp_path, channel="constant[up=0]", policies=("always-device", "fixed[cut=1]"))
    device, sent = record.outcomes
    assert sent.answered == 0
    assert sent.late == record.requests
    assert sent.quantiles == [None] * 101
    assert sent.steps == [0.0] * 8
    assert device.answered == record.requests
    assert record.sealed().faults() == []


def test_a_file_that_is_no_deployment_record_says_what_to_do(tmp_path):
    path = tmp_path / "seed0.json"
    path.write_text('{"circumstances": 1}')
    with pytest.raises(SeesawError, match="is no whole deployment record"):
        open_file(path)
