"""What a user sees of `seesaw plan`.

Covers: bench/commands/split/answer.py, bench/commands/split/ship.py
"""

import json
import subprocess
import sys

import pytest

from bench import Channel, Profile, choose, cli, open_part
from bench.commands import options
from bench.commands.split.ship import ship_answer
from bench.records.store import Store
from bench.replay.exits.states import load_states
from bench.replay.plan.configuration import Configuration
from bench.replay.plan.limits import Limits
from bench.replay.plan.network import network_at, options_of, played
from bench.replay.plan.queue import Arrivals, Road
from bench.replay.plan.search import Found
from bench.runs.request import RunRequest
from bench.runs.run import run


@pytest.fixture
def seesaw(monkeypatch, tmp_path, capsys):
    """Types a command in an empty folder; gives exit code, stdout and stderr, in one line each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options.out, "width", 100)

    def type_(*words):
        monkeypatch.setattr(sys, "argv", ["seesaw", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code or 0, " ".join(printed.out.split()), printed.err

    return type_


@pytest.fixture
def home(made, tmp_path):
    for seed in range(3):
        made(seed, right=(150 + seed, 182 + seed)).save(tmp_path / "records")
    made(0, method="sparse", right=(140, 178), scale=0.5).save(tmp_path / "records")
    return tmp_path / "records"


def test_the_answer_is_the_first_line_with_its_costs_and_its_runners_up(seesaw, home):
    code, out, err = seesaw(
        "plan", "--task", "digits", "--records", home, "--max-latency", "50ms", "--min-accuracy", "85%"
    )
    assert code == 0, err
    assert out.startswith("Ship mlp_dense, ")
    assert "91.50% right" in out
    assert "(limit 50 ms), 0.00% of requests later" in out
    assert "2 mlp_sparse, " in out
    assert "Looked at 4 records of 2 networks (digits-v1): 2 read whole" in out
    assert "Energy is unknown" in out
    assert "Careful" not in out


def test_an_answer_of_one_seed_says_so(seesaw, home):
    code, out, _ = seesaw(
        "plan",
        "--task",
        "digits",
        "--records",
        home,
        "--prefer",
        "device-bytes",
        "--max-latency",
        "1.5ms",
        "--min-accuracy",
        "0.88",
        "--channel",
        "constant[up=0.001]",
    )
    assert code == 0
    assert "Careful: number 1 rests on 1 seed (0); boards rank from 3 on." in out


def test_the_impossible_is_said_with_what_is_missing(seesaw, home):
    code, out, _ = seesaw(
        "plan", "--task", "digits", "--records", home, "--min-accuracy", "0.95", "--max-latency", "1s"
    )
    assert code == 0
    assert out.startswith("Nothing keeps to all limits. --min-accuracy alone is in the way")
    assert "91.50% right, 3.50 points less than 95.00%" in out


def test_what_is_modelled_is_marked(seesaw, home):
    _, out, _ = seesaw(
        "plan",
        "--task",
        "digits",
        "--records",
        home,
        "--profile",
        "scaled[by=20,watts=2]",
        "--max-energy",
        "1J",
    )
    assert "Modelled, not measured: times of the device, power of the device." in out
    assert "20 x the run's record" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--max-latency", "50"), "--max-latency '50' has no unit. Write one of s, ms, us, ns"),
        (("--deadline-miss", "1%"), "Give that one too."),
        (("--prefer", "speed"), "Nothing is best in 'speed'"),
        (("--max-energy", "5mJ"), "the power of the device is unknown"),
        (("--task", "digit"), "did you mean 'digits'?"),
        (("--ship", "there"), "records hold numbers alone. Train it: seesaw run --task digits"),
        (("--ship", "there", "--min-accuracy", "1"), "Nothing is shipped, as nothing keeps to all limits."),
        (("--channel", "lto"), "did you mean 'lte'"),
    ],
)
def test_what_cannot_be_is_a_sentence(seesaw, home, words, sentence):
    code, _, err = seesaw("plan", "--task", "digits", "--records", home, *words)
    assert code == 1
    assert sentence in " ".join(err.split())


def test_it_answers_without_pytorch(home):
    code = (
        "import sys; from bench import cli; sys.argv = ['seesaw', 'plan', '--task', 'digits', '--records', sys.argv[1]]\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'torch', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(home)], check=True, capture_output=True, timeout=60)


@pytest.fixture
def trained(places):
    """A network of blobs, trained for an epoch: its records' folder, and its store."""
    meters = ("macs", "storage")
    run(
        RunRequest(
            task="blobs", model="mlp", recipe={"epochs": "1"}, policies=("confidence",), codecs=("int8",), meters=meters, **places
        )
    )  # fmt: skip
    return places


def test_the_whole_network_is_shipped_by_exit_with_the_thresholds_of_its_point(seesaw, trained):
    code, out, err = seesaw(
        "plan", "--task", "blobs", "--records", trained["records"], "--runs", trained["runs"], "--profile", "published",
        "--server", "published", "--channel", "constant[up=0.0001]", "--max-latency", "1ms", "--ship", "shipped",
    )  # fmt: skip
    assert code == 0, err
    assert "Careful: number 1 rests on 1 seed" in out
    folder = trained["records"].parent / "shipped"
    plan, manifest = (json.loads((folder / name).read_text()) for name in ("plan.json", "manifest.json"))
    assert plan["expected"]["seeds"] == 1
    assert (plan["policy"] is None) == (manifest["policies"] == {})
    if plan["policy"] is not None:
        assert manifest["policies"] == {plan["policy"]: plan["point"]}
    size = sum(one["bytes"] for one in manifest["parts"].values())
    assert size == pytest.approx(plan["expected"]["device_bytes"], rel=0.2), (
        "parts by exit each have a head of their own"
    )


@pytest.mark.parametrize("policy", [None, "confidence"])
def test_a_cut_network_is_shipped_in_two_parts_with_its_codec_and_thresholds(trained, tmp_path, policy):
    store = Store(trained["records"], trained["runs"])
    profile = choose(Profile, "published").plugin
    network = network_at(sorted(trained["records"].rglob("seed0.json")), profile, profile)
    road = Road(choose(Channel, "constant").plugin.conditions(100.0, 0))
    asked = Configuration(1, "int8", policy)
    option = next(one for one in options_of(network, road, 0.01) if one.configuration == asked)
    found = Found(option, played(option, Arrivals.of(1.0, 100.0, 0), road, Limits()))
    written = ship_answer(found, store, tmp_path / "shipped")
    folder = tmp_path / "shipped"
    plan, manifest = (json.loads((folder / name).read_text()) for name in ("plan.json", "manifest.json"))
    assert manifest["cut"] == plan["cut"] == 1
    assert manifest["codec"]["spec"] == plan["codec"] == "int8"
    assert manifest["parts"]["device"]["bytes"] == plan["expected"]["device_bytes"]
    assert sorted(one.name for one in folder.iterdir()) == sorted(one.name for one in written)
    open_part(folder, "device")
    states = folder / "policies.safetensors"
    assert states.is_file() == (policy is not None)
    if policy is not None:
        (state,) = load_states(states)[policy]
        kept = load_states(store.run_files(network.paths[0]).states)[policy][plan["point"]]
        assert (state["thresholds"] == kept["thresholds"]).all()
        assert len(plan["thresholds"]) == len(network.records[0].exits)
