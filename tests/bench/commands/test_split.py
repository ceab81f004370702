"""seesaw profile and seesaw deploy, as they are typed.

Covers: bench/commands/split/asked.py, bench/commands/split/deploy.py, bench/commands/split/layers.py, bench/commands/split/profile.py, bench/measuring/profile.py
"""

import csv
import re
import sys

import pytest
import torch

from baselines.codecs.int8 import Int8
from baselines.methods.dense import Dense
from bench import cli
from bench.commands import options
from bench.measuring.crossings import codecs_at
from bench.measuring.profile import Limits, power, profiled
from bench.plugins.plugin import Choice
from bench.records.deployment import DeploymentRecord
from bench.records.profile import ProfileFile
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.trained import network_of
from bench.testing import AllExits, TinyTask, trained
from tests.bench.crossed import made_crossings, write_crossings
from tests.bench.ticks import Ticks


@pytest.fixture
def type_(monkeypatch, capsys):
    """Types a command; gives exit code, stdout and stderr."""
    monkeypatch.setattr(options.out, "width", 160)

    def run_it(*words):
        monkeypatch.setattr(sys, "argv", ["seesaw", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, " ".join(printed.err.split())

    return run_it


@pytest.fixture
def made_run(traced, tmp_path):
    """The record of a made run, with trace and crossings."""
    folder = traced(tmp_path)
    made_crossings(folder / "crossings.safetensors", (160, 180))
    return next((tmp_path / "records").rglob("seed0.json"))


def test_a_deployment_is_printed_kept_drawn_and_verified(type_, made_run, tmp_path):
    runs, words = (
        tmp_path / "runs",
        ("--channel", "constant[up=0.2,rtt=20]", "--rate", 20, "--seconds", 30, "--policy", "dynamic"),
    )
    code, out, err = type_(
        "deploy", "--record", made_run, "--runs", runs, *words, "--keep", "--figures", tmp_path / "plots", "--ending", "svg",
        "--out", tmp_path / "requests.csv", "--deadline", 0.05,
    )  # fmt: skip
    assert code == 0, err
    for name in (
        "always-device",
        "always-server",
        "random",
        "dynamic",
        "best-fixed (bound)",
        "oracle (bound)",
    ):
        assert name in out
    assert re.search(r"\d+ requests played by 6 policies", out)
    assert "Counted as taking no time, for no profile has them: encoders (image8, jpeg, int8)" in out
    path = next((tmp_path / "deployments").rglob("seed0-*.json"))
    record = DeploymentRecord.read(path)
    assert str(path) in out
    lines = list(csv.DictReader((tmp_path / "requests.csv").open()))
    assert len(lines) == 6 * record.requests
    assert len(list((tmp_path / "plots").glob("*.svg"))) == 3
    before = path.read_bytes()
    assert type_("deploy", "--record", made_run.parent, "--runs", runs, *words)[0] == 1
    folder = next(runs.rglob("test.safetensors")).parent
    again = (
        "deploy",
        "--record",
        folder,
        "--records",
        tmp_path / "records",
        "--runs",
        runs,
        *words,
        "--keep",
        "--deadline",
        0.05,
    )
    assert type_(*again)[0] == 0
    assert path.read_bytes() == before
    code, out, err = type_("verify", path, "--rerun", "--records", tmp_path / "records", "--runs", runs)
    assert code == 0, err
    assert "every number" in out
    assert "Deployment record" in type_("show", path)[1]
    assert "chosen: cut 0, image8" in type_("show", path, "--cuts")[1]
    code, out, err = type_("deploy", "--record", made_run, "--runs", runs, *words, "--keep", "--seed", 1)
    other = next(one for one in (tmp_path / "deployments").rglob("seed0-*.json") if one != path)
    code, out, err = type_("diff", path, other)
    assert "circumstances.order_seed" in out
    code, out, err = type_("board", "--records", tmp_path / "records")
    assert "deploy-digits-v1.md" in out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--policy", "dynamc"), "no split 'dynamc'; did you mean 'dynamic'"),
        (("--policy", "fixed[cut=7]"), "There is no cut 7. Choose one from 0 to 2."),
        (("--channel", "constat"), "no channel 'constat'; did you mean 'constant'"),
        (("--profile", "scaled[off=recorded]"), "has no setting 'off'"),
        (("--profile", "none.json"), "none.json cannot be read"),
        (("--arrivals", "often"), "Choose --arrivals poisson or regular, or a file"),
        (("--rate", "1e9"), "requests would come"),
        (("--figures", "plots", "--ending", "gif"), "End it in .png, .svg or .pdf"),
    ],
)
def test_what_cannot_be_deployed_is_a_sentence(type_, made_run, tmp_path, words, why):
    code, _, err = type_("deploy", "--record", made_run, "--runs", tmp_path / "runs", *words)
    assert code == 1
    assert why in err


def test_recorded_moments_are_played_kept_and_repeated(type_, made_run, tmp_path):
    moments = [n * n / 50 for n in range(60)]
    (tmp_path / "moments.csv").write_text("\n".join(map(str, moments)))
    words = (
        "deploy",
        "--record",
        made_run,
        "--runs",
        tmp_path / "runs",
        "--policy",
        "dynamic",
        "--keep",
        "--arrivals",
    )
    code, _, err = type_(*words, tmp_path / "moments.csv")
    assert code == 0, err
    path = next((tmp_path / "deployments").rglob("seed0-*.json"))
    record = DeploymentRecord.read(path)
    assert record.circumstances.moments == moments
    assert record.requests == 60
    (tmp_path / "moments.csv").unlink()
    assert (
        type_("verify", path, "--rerun", "--records", tmp_path / "records", "--runs", tmp_path / "runs")[0]
        == 0
    )
    for text, why in (("2\n1", "do not rise from 0"), ("a", "is no file of moments"), ("", "has 0 moments")):
        (tmp_path / "moments.csv").write_text(text)
        assert why in type_(*words, tmp_path / "moments.csv")[2]


def test_a_run_without_its_files_is_named(type_, made_run, tmp_path):
    next(tmp_path.rglob("crossings.safetensors")).unlink()
    code, _, err = type_("deploy", "--record", made_run, "--runs", tmp_path / "runs")
    assert code == 1
    assert "which has the bytes of single samples" in err
    assert "is no whole" in type_("deploy", "--record", __file__, "--runs", tmp_path)[2]


def test_a_trained_network_is_profiled_and_deployed_between_its_profiles(type_, places, tmp_path):
    small = {"policies": ("confidence",), "codecs": ("int8",), "meters": ("macs",), "recipe": {"epochs": "1"}}
    request = RunRequest(task="blobs", model="mlp_sparse", **small, **places)
    record = run(request)
    resolved = ResolvedRun.of(request)
    data, net = resolved.splits(), network_of(resolved, resolved.trained())
    write_crossings(
        resolved.files.crossings, net, data, data.test, {"int8": Int8()}, range(0, len(data.test.labels), 2)
    )
    folders = [word for name, path in places.items() for word in (f"--{name}", path)]
    code, out, err = type_(
        "profile",
        "--model",
        resolved.path,
        *folders,
        "--out",
        tmp_path / "here.json",
        "--rounds",
        3,
        "--batches",
        "1,4",
    )
    assert code == 0, err
    assert "encoder at cut 1 int8" in out
    assert "Power" in out
    times = ProfileFile.read(tmp_path / "here.json").times(4)
    assert len(times.device) == len(record.cuts)
    assert times.device[0] == times.server[-1] == times.heads[-1] == 0
    assert all(one > 0 for one in (*times.device[1:], *times.server[:-1], *times.exits))
    assert {codec for _, codec in times.encoders} == {"image8", "jpeg", "int8"}
    code, out, err = type_(
        "deploy", "--record", resolved.path, "--runs", places["runs"], "--profile", tmp_path / "here.json", "--server",
        tmp_path / "here.json", "--policy", "fixed[cut=1]", "--seconds", 20,
    )  # fmt: skip
    assert code == 0, err
    assert "All times are measured." in out
    assert "Counted as taking no time" not in out
    code, _, err = type_(
        "profile", "--model", "mlp_dense", "--task", "blobs", *folders, "--out", tmp_path / "no.json"
    )
    assert code == 1
    assert "was not trained here" in err
    assert (
        "no list of batch sizes"
        in type_("profile", "--model", "mlp", "--batches", "0", "--out", tmp_path / "x.json")[2]
    )


def test_layers_are_timed_once_for_networks_that_never_ran_here(type_, tmp_path):
    into = tmp_path / "timed"
    code, out, err = type_("profile", "--layers", 3, "--out", into, "--rounds", 3, "--longest", 0.1)
    assert code == 0, err
    assert sorted(path.name for path in into.iterdir()) == [
        f"layers-0-{number:03}.json" for number in range(3)
    ]
    assert re.search(r"Conv2d +\d+ +\d+% +\d+%", out)
    assert "Each of 3 networks predicted from the others: whole networks are off by" in out
    for words, why in (
        (("--layers", 1), "give 2 to 1000"),
        (("--layers", 2, "--model", "lenet"), "Leave out --model and --graph"),
        (("--layers", 2, "--batches", "1,8"), "Leave out --batches"),
        ((), "Which network is profiled?"),
    ):
        code, _, err = type_("profile", *words, "--out", into)
        assert code == 1
        assert why in err


def test_every_part_of_a_network_is_timed():
    net, data = trained(Dense(), AllExits(), train=False)[0].eval(), TinyTask().data(None, 0)
    codecs = codecs_at(net, data.test, [Choice(Int8(), "int8", "a test")])
    rows = profiled(net, data, codecs, (1, 2), torch.device("cpu"), Limits(3, 0.5))
    names = {(one.part, one.number, one.codec) for one in rows if one.batch == 2}
    stages = len(net.stages)
    assert names == {
        *(("device", k, "") for k in range(stages + 1)), *(("server", k, "") for k in range(stages + 1)),
        *((part, n, "") for part in ("exit", "head") for n in range(len(net.exits))),
        *((part, 0, codec) for part in ("encoder", "decoder") for codec in ("image8", "jpeg")),
        *((part, k, "int8") for part in ("encoder", "decoder") for k in range(1, stages)),
    }  # fmt: skip


def test_the_codecs_of_a_run_are_timed_learned_ones_as_they_were_trained(type_, places, tmp_path):
    learned = "bottleneck[epochs=1,channels=4]"
    request = RunRequest(
        task="blobs", model="mlp", policies=("confidence",), codecs=("float16", learned), meters=("macs",), recipe={"epochs": "1"}, **places
    )  # fmt: skip
    run(request)
    there = {path.name: path.stat().st_mtime_ns for path in places["runs"].rglob("codecs/*.safetensors")}
    assert there
    folders = [word for name, path in places.items() for word in (f"--{name}", path)]
    few = ("--rounds", 3, "--longest", 0.5, "--out", tmp_path / "here.json")
    record = next(places["records"].rglob("seed0.json"))
    for words in (("--model", record), ("--model", "mlp", "--task", "blobs", "--epochs", 1)):
        code, _, err = type_("profile", *words, *folders, *few)
        assert code == 0, err
        times = ProfileFile.read(tmp_path / "here.json").times(1)
        assert {codec for cut, codec in times.encoders if cut} == {"float16", learned}
    assert there == {
        path.name: path.stat().st_mtime_ns for path in places["runs"].rglob("codecs/*.safetensors")
    }
    code, _, err = type_("profile", "--model", record, *folders, *few, "--codecs", "int9")
    assert code == 1
    assert "There is no codec 'int9'" in err


def test_power_is_the_rise_of_the_counter_over_the_clock():
    ticks = Ticks()

    class Counter:
        source = "made"

        def joules(self):
            return 6.0 * ticks.now

    found = power(Counter(), lambda: ticks.sleep(0.01), torch.device("cpu"), ticks)
    assert found.value == pytest.approx(6.0)
    assert found.unit == "W"
