"""What a mirrored run leaves for Weights & Biases, read back from disk as `wandb sync` would read it."""

import json
import logging
import re
import socket
import subprocess
import sys

import pytest
import wandb

from bench.plugins.spec import Spec, render
from bench.records import mirror as track
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.training import validation


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Weights & Biases on, nobody logged in."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DIR", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr(track, "_unreachable", False)


def order(places, **changes):
    small = {"policies": ("confidence",), "codecs": ("int8",), "meters": ("macs", "storage")}
    return RunRequest(**({"task": "blobs", "model": "mlp_sparse", **small, **places} | changes))


def read_back(places):
    """Summary, and every history line, of the W&B runs that lie on disk, from the oldest."""
    wandb.teardown()
    runs = []
    for path in sorted(places["runs"].glob("wandb/*run-*/run-*.wandb")):
        words = [sys.executable, "-m", "wandb", "leet", "inspect", "--json"]
        whole = subprocess.run([*words, "--summary", str(path)], capture_output=True, text=True, check=True)
        lines = subprocess.run([*words, str(path)], capture_output=True, text=True, check=True)
        history = [json.loads(line) for line in lines.stdout.splitlines() if '"type":"history"' in line]
        runs.append((json.loads(whole.stdout), [one["history"] for one in history], lines.stdout))
    return runs


def test_a_run_offline_leaves_curves_tables_and_the_record(offline, places):
    record = run(order(places))
    ((summary, history, everything),) = read_back(places)
    assert summary["project"] == "seesaw"
    assert summary["run_id"].startswith(f"{record.digest}-0-")
    assert summary["config"]["digest"] == record.digest
    assert summary["config"]["method"]["name"] == "sparse"
    assert summary["state"] == "finished"
    last = record.training[-1]
    assert summary["summary"]["loss"] == pytest.approx(last.loss)
    assert summary["summary"]["exit1/train_accuracy"] == pytest.approx(last.accuracy[1])
    assert summary["summary"]["last/top1"] == record.exits[-1].readings["top1"].value
    assert {"exits", "cuts"} <= set(summary["summary"])
    assert summary["summary"]["exits"]["nrows"] == len(record.exits)
    assert len(history) >= len(record.training)
    assert f"record-{record.digest}-seed0" in everything
    assert '"run_group":"blobs-v1"' in everything


def test_a_mirrored_run_has_a_validation_curve_tags_its_plan_and_tables_of_policies_and_walks(
    offline, places, monkeypatch
):
    monkeypatch.setattr(validation, "SHARE", 10)
    record = run(order(places, exits="joint[exits=2]", meters=("latency",), policies=("confidence",)))
    ((summary, history, everything),) = read_back(places)
    own = summary["summary"]
    measured = record.exits[1].readings["calibration.top1"].value
    assert own["exit1/validation_accuracy"] == pytest.approx(measured)  # after the last epoch
    curve = [line for line in history if "exit0/validation_accuracy" in str(line)]
    assert len(curve) == len(record.training)
    assert own["policies"]["nrows"] == sum(len(one.outcomes) for one in record.curves)
    assert own["walks"]["nrows"] == len(record.walks) > 0
    assert '"display_name":"mlp_sparse, joint[exits=2] seed 0"' in everything
    for tag in ("task:blobs", "backbone:mlp", "method:sparse", "exits:joint[exits=2]"):
        assert f'"{tag}"' in everything


class Killed(BaseException):
    pass


def test_a_resumed_run_goes_on_in_the_same_wandb_run(offline, places):
    def kill(phase, done, total, line):
        if phase == "train" and done >= 2 and line:
            raise Killed

    with pytest.raises(Killed):
        run(order(places), kill)
    run(order(places))
    ids = [summary["run_id"] for summary, *_ in read_back(places)]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    run(order(places), again=True)
    assert len({summary["run_id"] for summary, *_ in read_back(places)}) == 2


def test_disabled_means_nothing_at_all(places):
    run(order(places))
    assert not list(places["runs"].glob("wandb*"))


@pytest.mark.timeout(60)  # W&B's own patience is 90 s, and more to end
def test_a_key_without_a_network_costs_seconds_once_and_then_nothing(offline, places, monkeypatch, caplog):
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(50)  # connections are made, and never answered
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setattr(track, "PATIENCE", 1.0)
    with caplog.at_level(logging.WARNING, "seesaw"):
        run(order(places))
    assert "cannot be reached" in caplog.text
    assert len(list(places["runs"].glob("wandb/offline-run-*/*.wandb"))) == 1
    caplog.clear()
    run(order(places, seed=1))
    assert "cannot be reached" not in caplog.text
    silent.close()


def test_whatever_goes_wrong_in_the_mirror_the_run_goes_on(offline, places, monkeypatch, caplog):
    class Broken:
        step = 0

        def log(self, *_, **__):
            raise OSError("No space left on device")

    monkeypatch.setattr(track, "_begin", lambda *_, **__: Broken())
    assert run(order(places)).budget == 1
    assert caplog.text.count("No space left on device") == 1


def test_a_board_is_mirrored_as_one_table(offline, places, tmp_path):
    track.leaderboard("blobs-v1", ["model", "top-1"], [["a", 0.5], ["b", 0.6]], places["runs"])
    ((summary, *_),) = read_back(places)
    assert summary["summary"]["leaderboard"]["nrows"] == 2


def test_a_login_is_found_where_wandb_keeps_it(offline, tmp_path, monkeypatch):
    assert not track.logged_in()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    wandb.teardown()
    (tmp_path / "netrc").write_text("machine wandb.example.org login user password secret\n")
    assert track.logged_in()


def test_neither_the_record_nor_the_mirror_of_a_draft_names_its_folder(offline, places, tmp_path):
    file = tmp_path / "my folder, [private]" / "mine.py"
    file.parent.mkdir()
    file.write_text("from bench import Method\n\n\nclass Mine(Method):\n    density: float = 0.5\n")
    model = f'mlp_"{file}:Mine"[density=0.25]'
    record = run(order(places, model=model, policies=("fixed",), meters=("storage",)))
    assert record.setup.model == "mlp_mine.py:Mine[density=0.25]"
    assert record.name == "mlp_mine.py:Mine[density=0.25] seed 0"
    assert "private" not in record.model_dump_json()
    draft = file.with_name("inner.py")
    draft.write_text(INNER)
    shuffled = str(Spec("shuffled", {"of": render(str(Spec(f"{draft}:Mine", {})))}))
    inner = run(order(places, model=f"mlp_{shuffled}", policies=("fixed",), meters=("storage",)))
    assert inner.setup.method.spec == "shuffled[of=inner.py:Mine]"
    assert "private" not in inner.model_dump_json()
    draft.write_text(INNER + "# changed\n")
    assert not ResolvedRun.of(
        order(places, model=f"mlp_{shuffled}", policies=("fixed",), meters=("storage",))
    ).is_done
    mirrored = read_back(places)
    assert not any("private" in json.dumps(summary["config"]) for summary, *_ in mirrored)
    names = {name for *_, text in mirrored for name in re.findall(r'"display_name":"([^"]+)"', text)}
    assert all(any(name.startswith(one.setup.model) for name in names) for one in (record, inner))


INNER = """from bench import Method, hide, maskable


class Mine(Method):
    def prepare(self, net, train):
        for layer in maskable(net).values():
            hide(layer, layer.weight > 0)
"""
