"""Measured deployments: their places, their totals, and what of them is repeated.

Covers: bench/records/answers.py, bench/replay/deploy/predict.py
"""

import numpy as np
import pytest

from bench import SeesawError
from bench.records.answers import Answers, Totals, percentiles
from bench.records.deployment import DeploymentRecord
from bench.records.measured import MeasuredDeployment
from bench.records.store import Store, open_file
from bench.replay.deploy.predict import again
from tests.bench.crossed import made_crossings
from tests.bench.measured import measured


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "records", tmp_path / "runs")


def test_a_written_record_is_found_read_and_sound_and_no_deployment_record(traced, tmp_path, store):
    record = measured(traced, tmp_path, store)
    path = store.save(record)
    assert path.parent.parent == tmp_path / "measured" / "digits-v1"
    assert open_file(path) == record
    assert store.faults(record, path) == []
    assert store.entries(MeasuredDeployment)[0][0].sound
    assert store.entries(DeploymentRecord) == ([], [])


def test_percentiles_are_the_smallest_times_that_so_many_reach():
    rng = np.random.default_rng(0)
    for n in (1, 2, 37, 100, 101, 250):
        seconds = rng.exponential(size=n)
        for percent, value in enumerate(percentiles(seconds.tolist())):
            assert 100 * (seconds <= value).sum() >= n * percent
            assert 100 * (seconds < value).sum() < max(n * percent, 1)
    assert percentiles([None, 1.0]) == [1.0] * 51 + [None] * 50


def test_totals_are_counted_from_the_answers():
    answers = Answers(
        seconds=[0.1, 0.3, 0.2, None], places="esf-", exits=[0, -1, 1, -1], right="1010", device=[0.1, 0.1, 0.1, 0.1],
        server=[0.0, 0.05, 0.0, 0.0], bytes=[0, 100, 100, 100],
    )  # fmt: skip
    totals = Totals.of(answers)
    assert totals.places == {"exit": 1, "server": 1, "fallback": 1, "never": 1}
    assert (totals.right, totals.bytes, totals.mean, totals.device, totals.server) == (
        2,
        300,
        0.2,
        0.1,
        0.0125,
    )
    assert (totals.quantiles[50], totals.quantiles[75], totals.quantiles[76]) == (0.2, 0.3, None)


def test_the_predicted_half_is_repeated_and_the_measured_one_is_not(traced, tmp_path, store):
    record = measured(traced, tmp_path, store, slower=1.3)
    other = again(record, store)
    assert other.measured == record.measured
    rows = record.compare(other)
    assert all(row.agrees for row in rows)
    by_rule = {row.allowed is None for row in rows if row.name.startswith("measured")}
    assert by_rule == {True}
    moved = record.model_copy(update={"predicted": record.measured})
    wrong = [row.name for row in moved.compare(again(moved, store)) if not row.agrees]
    assert any(name.endswith(": seconds") for name in wrong)
    assert all(name.startswith("predicted") for name in wrong)


def test_a_record_whose_run_was_measured_again_is_named(traced, tmp_path, store):
    record = measured(traced, tmp_path, store)
    folder = next((tmp_path / "runs").rglob("test.safetensors")).parent
    made_crossings(folder / "crossings.safetensors", (160, 179))
    with pytest.raises(SeesawError, match=r"was predicted from: the run was measured again since"):
        again(record, store)


def test_answers_at_the_deadline_and_at_exits_are_their_own(traced, tmp_path, store):
    slow = measured(
        traced, tmp_path, store, channel="constant[up=0.001,rtt=20]", deadline=0.2, fallback=True, slower=1.0
    )
    assert slow.faults() == []
    assert set(slow.measured.places) == {"f"}
    assert slow.percentile(50)[1] == pytest.approx(0.2)
    stays = measured(traced, tmp_path, store, policy="fixed[cut=1,codec=int8,threshold=0.6]", slower=1.0)
    assert stays.faults() == []
    assert set(stays.measured.places) == {"e", "s"}
    cut = measured(traced, tmp_path, store, channel="constant[up=0]")
    assert cut.faults() == []
    assert set(cut.predicted.places) == {"-"}
    assert cut.percentile(50) == (None, None)


def test_what_others_took_makes_it_disturbed(traced, tmp_path, store):
    assert not measured(traced, tmp_path, store, others=0.05).disturbed
    assert measured(traced, tmp_path, store, others=0.5).disturbed
    assert measured(traced, tmp_path, store, others=None).disturbed
