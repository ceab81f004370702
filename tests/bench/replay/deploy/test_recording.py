"""Deployment records made, made again, and looked at request by request.

Covers: bench/replay/deploy/deployment.py, bench/replay/deploy/report.py, bench/replay/deploy/rerun.py
"""

import csv
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from baselines.channels import recording
from bench import Profile, SeesawError, SplitPolicy, choose
from bench.boards.deployments.read import sections
from bench.kinds.channel import Channel
from bench.records.circumstances import ServerBatches
from bench.records.deployment import STEPS
from bench.records.run_files import RunFiles
from bench.records.store import Store
from bench.replay.deploy.deployment import Deployment, network_of, side_of
from bench.replay.deploy.report import write_requests
from bench.replay.deploy.rerun import again
from tests.bench.crossed import made_crossings


def test_a_record_deployed_again_is_the_same_record_bit_by_bit(deployed, tmp_path):
    record = deployed(tmp_path, channel="constant[up=0.05,rtt=30]", devices=2).sealed()
    store = Store(tmp_path / "records", tmp_path / "runs")
    assert again(record, store).sealed() == record
    assert all(row.agrees for row in record.compare(again(record, store)))
    assert record.faults() == []


def test_a_run_that_was_measured_again_since_is_named(deployed, tmp_path):
    record = deployed(tmp_path)
    folder = next((tmp_path / "runs").rglob("test.safetensors")).parent
    made_crossings(folder / "crossings.safetensors", (160, 179))
    store = Store(tmp_path / "records", tmp_path / "runs")
    with pytest.raises(SeesawError, match="is not the file that this was computed from"):
        again(record, store)
    (folder / "crossings.safetensors").unlink()
    with pytest.raises(SeesawError, match=r"which has the bytes of single samples\. Measure the run again"):
        again(record, store)
    (folder / "test.safetensors").unlink()
    with pytest.raises(SeesawError, match="is computed from its network's trace"):
        again(record, store)


def test_answers_of_the_device_at_the_deadline_are_counted_in_time_and_by_themselves(deployed, tmp_path):
    policies = ("always-device", "always-server", "fixed[cut=1]")
    waits = deployed(tmp_path, policies=policies, channel="constant[up=0.01,rtt=150]")
    record = deployed(
        tmp_path, policies=policies, channel="constant[up=0.01,rtt=150]", deadline=0.12, fallback=True
    ).sealed()
    device, server, cut = record.outcomes
    assert record.faults() == []
    assert (device.own, server.own) == (0, 0), "nothing was sent, or no exit lies before the cut"
    assert 0 < cut.own == cut.sent
    assert cut.late < server.late == record.requests
    assert cut.quantiles[0] == pytest.approx(0.12)
    assert sum(cut.steps) < 0.2 < sum(waits.outcomes[2].steps)
    assert record.digest != waits.digest
    unasked = record.circumstances.model_copy(update={"fallback": False})
    assert any(
        "answers of the device" in one
        for one in record.model_copy(update={"circumstances": unasked}).faults()
    )
    never = record.circumstances.model_copy(update={"deadline": None})
    assert any("there is none" in one for one in record.model_copy(update={"circumstances": never}).faults())


def test_a_circumstance_that_is_open_changes_no_digest_of_before(deployed, tmp_path):
    record = deployed(tmp_path)
    values = record.circumstances.model_dump(mode="json")
    del values["fallback"]
    assert type(record.circumstances).model_validate(values) == record.circumstances
    asked = record.circumstances.model_copy(update={"fallback": True})
    assert record.model_copy(update={"circumstances": asked}).request_digest() != record.request_digest()


def test_a_server_that_batches_is_recorded_checked_and_made_again(deployed, tmp_path):
    plain = deployed(tmp_path, policies=("always-device", "always-server"))
    store = Store(tmp_path / "records", tmp_path / "runs")
    folder = next((tmp_path / "runs").rglob("test.safetensors")).parent
    network = network_of(RunFiles(folder), store)
    device, server = (
        side_of(choose(Profile, spec), network.run) for spec in ("scaled[by=30,watts=2.0]", "recorded")
    )
    sizes = [(4, [2 * one for one in server.server])]
    server = server.model_copy(update={"batches": sizes})
    asked = {"batching": ServerBatches(largest=4, wait=0.05), "load_moments": [0.5, 0.5, 1.0, 40.0]}
    circumstances = plain.circumstances.model_copy(update=asked)
    channel = choose(Channel, "constant[up=0.2,rtt=20]")
    policies = [choose(SplitPolicy, one.spec) for one in plain.players]
    made = Deployment.of(network, channel, (device, server), circumstances)
    record = made.record(policies, made.play(policies)).sealed()
    assert record.faults() == []
    assert record.digest != plain.digest
    assert again(record, store).sealed() == record
    assert record.outcomes[1].steps[5] > plain.outcomes[1].steps[5] + 0.03, "most wait for others in vain"
    (section,) = sections([record])
    assert "the server computes up to 4 together, and waits 50 ms for them" in section.about
    assert "further devices send 4 requests at recorded moments" in section.about
    for change, sentence in [
        ({"server": server.model_copy(update={"batches": []})}, r"has batches of \[\]"),
        ({"circumstances": circumstances.model_copy(update={"load": 3.0})}, "at random and at recorded"),
        ({"circumstances": circumstances.model_copy(update={"batching": None})}, "up to 1 requests together"),
    ]:
        assert any(re.search(sentence, one) for one in record.model_copy(update=change).faults()), sentence
    unprofiled = server.model_copy(update={"batches": []})
    with pytest.raises(SeesawError, match="has times of batches of 1 alone"):
        Deployment.of(network, channel, (device, unprofiled), circumstances)


def test_what_policies_decide_by_is_recorded_shown_and_played_again(deployed, tmp_path):
    guessed = 'believed[of="scaled[by=30]",by="scaled[by=45]"]'
    record = deployed(tmp_path, policies=("always-device", "dynamic"), profile=guessed).sealed()
    plain = deployed(tmp_path, policies=("always-device", "dynamic"), profile="scaled[by=30]")
    assert record.faults() == []
    assert again(record, Store(tmp_path / "records", tmp_path / "runs")).sealed() == record
    assert record.outcomes[0] == plain.outcomes[0], "what is always on the device decides by no time"
    assert record.outcomes[1].plays != plain.outcomes[1].plays
    (section,) = sections([record])
    assert "Policies decide by predictions of the device: " in section.about
    assert "its parts are off by 50% in the median, 50% at most" in section.about
    shorter = record.device.estimates.model_copy(update={"device": [0.0]})
    side = record.device.model_copy(update={"estimates": shorter})
    assert any(
        "that policies decide by" in one for one in record.model_copy(update={"device": side}).faults()
    )


def test_a_draft_is_never_loaded(deployed, tmp_path):
    record = deployed(tmp_path)
    draft = record.players[0].model_copy(update={"spec": "evil.py:Evil", "name": "evil.py:Evil"})
    with pytest.raises(SeesawError, match="is a draft, and a record holds no code"):
        again(record.model_copy(update={"players": [draft]}), Store(tmp_path / "records", tmp_path / "runs"))


def lines_of(record, home):
    """What `seesaw deploy --out` writes of the deployment that a record holds: a line for each request and policy."""
    folder = next((home / "runs").rglob("test.safetensors")).parent
    network = network_of(RunFiles(folder), Store(home / "records", home / "runs"))
    channel = choose(Channel, record.way.channel.spec)
    made = Deployment.of(network, channel, (record.device, record.server), record.circumstances)
    policies = [choose(SplitPolicy, one.spec) for one in record.players]
    places = dict(enumerate(network.crossed.samples.tolist()))
    write_requests(home / "out.csv", made.game, made.requests, places, made.play(policies))
    return list(csv.DictReader((home / "out.csv").open()))


def test_a_program_of_its_own_adds_up_the_same_seconds_joules_and_answers(deployed, tmp_path):
    program = runpy.run_path(str(Path(__file__).parents[4] / "benchmarks" / "adding_up.py"))
    policies = (
        "always-device",
        "always-server",
        "random",
        "fixed[cut=1,threshold=0.8]",
        "splitee",
        "splitee-s",
    )
    record = deployed(tmp_path, policies=policies, channel="recording[radio=lte,rates=0.02]").sealed()
    lines, values = lines_of(record, tmp_path), json.loads(record.model_dump_json())
    run = json.loads(next((tmp_path / "records").rglob("seed0.json")).read_text())
    folder = next((tmp_path / "runs").rglob("test.safetensors")).parent
    link = Path(recording.__file__).parent / "recordings" / "norway-tram.csv"
    found = program["added"](values, run, lines, folder, link)
    assert list(program["differences"](values, found, lines)) == []
    assert list(found) == [one.policy for one in record.outcomes]
    assert record.outcomes[1].radio > 0 < record.outcomes[1].tail
    assert 0 < sum(one["exit"] == "" for one in lines) < len(lines)
    values["outcomes"][1]["tail"] *= 1.001
    lines[7]["device, s"] = str(float(lines[7]["device, s"]) + 1e-6)
    off = list(program["differences"](values, found, lines))
    assert len(off) == 2, "each number is held, and no other one is off"
    assert "device, s of request 7" in off[0]
    assert "always-server: tail is" in off[1]


def test_times_and_joules_of_every_request_add_up_to_those_of_the_record(deployed, tmp_path):
    record = deployed(tmp_path)
    lines = lines_of(record, tmp_path)
    assert len(lines) == len(record.players) * record.requests
    for outcome in record.outcomes:
        own = [line for line in lines if line["policy"] == outcome.policy]
        steps = np.array([[float(line[f"{step}, s"]) for step in STEPS] for line in own])
        taken = np.array([float(line["seconds"]) for line in own])
        np.testing.assert_allclose(steps.sum(1), taken, atol=1e-9)
        np.testing.assert_allclose(steps.mean(0), outcome.steps, rtol=1e-7, atol=1e-12)
        assert sum(int(line["right"]) for line in own) == outcome.right
        assert sum(int(line["bytes"]) for line in own) == outcome.bytes
        assert sum(float(line["compute, J"]) for line in own) == pytest.approx(outcome.compute)
        assert outcome.compute == pytest.approx(2.0 * steps[:, 1].sum())
        assert sum(line["exit"] == "" for line in own) == outcome.sent
        assert (taken > 0.1).sum() == outcome.late
        for percent in (50, 95, 99):
            assert (taken <= outcome.quantiles[percent] * (1 + 1e-8)).mean() >= percent / 100
            assert (taken < outcome.quantiles[percent] * (1 - 1e-8)).mean() <= percent / 100
