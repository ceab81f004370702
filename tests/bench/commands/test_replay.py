"""seesaw replay as it is typed."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from bench import Trace, cli
from bench.commands import options
from bench.records import form
from tests.bench.edited import values_of


@pytest.fixture
def replay(monkeypatch, tmp_path, capsys):
    """Types `seesaw replay` in a folder with m.csv and a run's folder; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options.out, "width", 140)
    rng = np.random.default_rng(0)
    confidences = np.clip(rng.normal([0.6, 0.75, 0.9], 0.1, (60, 3)), 0, 1)
    rows = np.stack([confidences, rng.integers(0, 2, (60, 3))], 2).reshape(60, 6)
    np.savetxt("m.csv", np.c_[rows, rng.integers(0, 2, 60)], delimiter=",", fmt="%.8g")
    for name, seed in (("test", 1), ("calibration", 2)):
        generator = torch.Generator().manual_seed(seed)
        logits, labels = torch.randn(2, 50, 3, generator=generator), torch.arange(50) % 3
        Trace(logits, labels, torch.tensor([1e6, 4e6], dtype=torch.float64)).save(
            tmp_path / f"run/{name}.safetensors"
        )

    def type_(*words):
        monkeypatch.setattr(sys, "argv", ["seesaw", "replay", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return type_


def test_a_strangers_matrix_gives_a_table_with_both_baselines(replay):
    code, out, err = replay("--trace", "m.csv", "--policy", "splitee[offload=0.5]", "--shuffles", "4")
    assert code == 0, err
    for word in (
        "60 samples, 3 exits, 4 reshufflings",
        "(a) all layers",
        "(b) early exit",
        "splitee",
        "±",
        "offload 0.5",
    ):
        assert word in " ".join(out.split())
    assert "per sample" not in out
    assert "12 streams of 60 samples played" in out


def test_all_numbers_are_in_the_file_and_the_three_plots_are_drawn(replay, tmp_path):
    words = ["--policy", "splitee", "--policy", "oracle", "--shuffles", "3", "--sweep", "offload=0.1:0.2"]
    code, _, err = replay("--trace", "m.csv", *words, "--out", "o.json", "--figures", "plots")
    assert code == 0, err
    values = json.loads((tmp_path / "o.json").read_text())
    assert [(row["policy"], row["offload"]) for row in values["rows"]] == [
        (name, offload)
        for offload in (0.1, 0.2)
        for name in ("(a) all layers", "(b) early exit", "splitee", "oracle")
    ]
    row = values["rows"][2]
    assert row["settings"]["c"] == 1
    assert [row["bound"] for row in values["rows"][:4]] == [False, False, False, True]
    for what in ("accuracy", "cost", "sent", "regret"):
        assert len(row[what]["each"]) == 3
        assert row[what]["value"] == pytest.approx(np.mean(row[what]["each"]))
    assert len(row["regret at marks"]["value"]) == len(values["marks"]) == 60
    assert row["regret at marks"]["value"][-1] == pytest.approx(row["regret"]["value"])
    assert sum(row["plays"]) == pytest.approx(1)
    assert values["arms"]["depths"] == [1, 2, 3]
    for name in ("regret", "accuracy", "cost"):
        assert (tmp_path / f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_plots_are_drawn_for_a_paper_too(replay, tmp_path):
    words = ["--policy", "splitee", "--shuffles", "1", "--figures", "plots", "--ending"]
    assert replay("--trace", "m.csv", *words, "pdf")[0] == 0
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "accuracy.pdf",
        "cost.pdf",
        "regret.pdf",
    ]
    code, _, err = replay("--trace", "m.csv", *words, "gif")
    assert code == 1
    assert "End it in .png, .svg or .pdf" in err


def test_a_runs_folder_gives_per_sample_policies_their_curves_too(replay, tmp_path):
    words = ["--policy", "confidence", "--policy", "fixed", "--policy", "oracle", "--policy", "random"]
    code, out, err = replay(
        "--trace", "run", *words, "--shuffles", "2", "--costs", "measured", "--out", "o.json"
    )
    assert code == 0, err
    assert "2 exits, 2 reshufflings" in out
    below = out[out.index("per sample, nothing sent on") :]
    assert all(name in below for name in ("confidence", "fixed", "oracle (bound, sees labels)", "random"))
    assert "random" in out[: out.index("per sample, nothing sent on")]
    values = json.loads((tmp_path / "o.json").read_text())
    assert values["arms"]["depths"] == [0.5, 2]
    fixed = next(one for one in values["curves"] if one["policy"] == "fixed")
    assert fixed["costs"] == [1e6, 4e6]
    assert fixed["test"]["left"] == [[0, 50], [50, 0]]


@pytest.mark.parametrize(
    ("words", "costs", "unit"),
    [
        ([], [1e6, 4e6], "MACs"),
        (["--costs", "layers"], [1, 2], "layers"),
        (["--costs", "1:9"], [1, 9], "the numbers given"),
    ],
)
def test_per_sample_policies_are_charged_what_costs_says_and_the_table_names_the_unit(
    replay, tmp_path, words, costs, unit
):
    code, out, err = replay(
        "--trace", "run", "--policy", "eenet", *words, "--shuffles", "0", "--out", "o.json"
    )
    assert code == 0, err
    assert f"the last exit's cost ({unit})" in " ".join(out.split())
    values = json.loads((tmp_path / "o.json").read_text())
    assert values["curves in"] == unit
    (curve,) = values["curves"]
    assert curve["costs"] == costs
    budgets = np.linspace(costs[1], costs[0], 12)
    spent = [np.dot(left, costs) / sum(left) for left in curve["calibration"]["left"]]
    assert (spent <= budgets + max(costs) / 50).all()


def test_the_usual_policies_play_where_none_is_named(replay):
    code, out, _ = replay("--trace", "run", "--shuffles", "1")
    assert code == 0
    for name in ("splitee", "splitee-s", "random", "best-fixed (bound)", "oracle (bound)"):
        assert name in out


def test_a_runs_stream_is_kept_beside_its_record_and_the_same_command_writes_the_same_file(
    replay, traced, tmp_path
):
    folder = traced(tmp_path)
    words = ["--trace", str(folder), "--policy", "splitee", "--shuffles", "2", "--records", "records"]
    code, out, err = replay(*words, "--record")
    assert code == 0, err
    (path,) = (tmp_path / "streams").glob("digits-v1/mlp_dense-*/seed0-*.json")
    assert path.name in out
    content = path.read_bytes()
    assert [one["policy"] for one in form.read(json.loads(content))["results"]] == [
        "(a) all layers",
        "(b) early exit",
        "splitee",
    ]
    assert replay(*words, "--record")[0] == 0
    assert path.read_bytes() == content
    assert len(list((tmp_path / "streams").glob("*/*/*"))) == 1


def test_who_plays_no_stream_is_not_recorded_and_is_named(replay, traced, tmp_path):
    words = ["--trace", str(traced(tmp_path)), "--records", "records", "--record", "--shuffles", "0"]
    trace = Trace.load(next(tmp_path.glob("runs/*/*/*/test.safetensors")))
    other = Trace(trace.logits + 1, trace.labels, trace.costs)
    other.save(tmp_path / "other.safetensors")
    words += ["--calibration", "other.safetensors", "--policy", "confidence"]
    code, out, err = replay(*words, "--policy", "entropy", "--policy", "splitee")
    assert code == 0, err
    assert "Not in it: confidence, entropy." in out
    (path,) = (tmp_path / "streams").glob("*/*/*")
    assert {one["policy"] for one in values_of(path)["results"]} >= {"splitee"}
    code, _, err = replay(*words)
    assert code == 1
    assert "Name an online policy too" in err


DRAFT = '''
from bench import Online

class Shy(Online):
    """Plays the arm that it played least."""

    shyness: float = 1.0
    """how much so"""

    @staticmethod
    def index(arm, own, t, luck, rng):
        return -own.shyness * arm.plays
'''


def test_a_strangers_draft_plays_beside_ours(replay, tmp_path, monkeypatch):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    (tmp_path / "draft.py").write_text(DRAFT)
    words = [
        "--policy",
        "draft.py:Shy[start=booked]",
        "--policy",
        "splitee",
        "--shuffles",
        "1",
        "--out",
        "o.json",
    ]
    code, out, err = replay("--trace", "m.csv", *words)
    assert code == 0, err
    assert "Shy[start=booked]" in out
    rows = json.loads((tmp_path / "o.json").read_text())["rows"]
    assert rows[2]["plays"] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--trace", "nowhere.csv"], "no file nowhere.csv"),
        (["--trace", "m.csv", "--policy", "confidence"], "row (b), at several --sweep alpha="),
        (["--trace", "run/calibration.safetensors", "--policy", "entropy"], "--calibration FILE"),
        (["--trace", "m.csv", "--record"], "or do without --record"),
        (["--trace", "m.csv", "--costs", "measured"], "say --costs layers"),
        (["--trace", "m.csv", "--costs", "macs"], "m.csv is no run's folder"),
        (["--trace", "m.csv", "--costs", "nope"], "Give layers, measured, or numbers joined by colons"),
        (["--trace", "m.csv", "--costs", "1:x"], "or say layers, measured, latency"),
        (["--trace", "m.csv", "--costs", "1:2:nan"], "none less than the one before"),
        (["--trace", "m.csv", "--sends", "nope"], "Give numbers joined by colons: 1:0.5:0.25."),
        (["--trace", "m.csv", "--sends", "1:1:nan"], "Give each arm one, 0 or more"),
        (["--trace", "run", "--costs", "nope"], "there is no "),
        (["--trace", "m.csv", "--arms", "stages"], "Choose exits or cuts"),
        (["--trace", "m.csv", "--policy", "splitee[alpha=2]"], "less than or equal to 1"),
        (["--trace", "m.csv", "--policy", "dense"], "no policy 'dense'"),
        (["--trace", "m.csv", "--sweep", "offload"], "Write --sweep offload="),
        (["--trace", "m.csv", "--shuffles", "1", "--out", "m.csv/o.json"], "--out FOLDER"),
    ],
)
def test_a_mistake_is_a_sentence(replay, words, hint):
    code, _, err = replay(*words)
    assert code == 1
    assert err.startswith("seesaw: ")
    assert hint in err


@pytest.mark.parametrize("words", [["list"], ["--help"], ["replay", "--help"]])
def test_looking_around_does_not_import_numba(words):
    code = f"""
import sys; sys.argv = ['seesaw', *{words!r}]
import bench, seesaw
try:
    seesaw.main()
except SystemExit:
    print('numba' in sys.modules or 'torch' in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("False")


def test_no_second_openmp_library_is_loaded(replay):
    assert replay("--trace", "m.csv", "--shuffles", "2")[0] == 0
    assert "numba.core.dispatcher" in sys.modules
    assert not {"numba.np.ufunc.omppool", "numba.np.ufunc.tbbpool"} & sys.modules.keys()
