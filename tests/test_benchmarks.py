"""Benchmarks are run by hand; that they start is held here."""

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench import why_no_kernels

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if "__main__" in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_starts_and_says_how_it_is_run(script):
    done = subprocess.run([sys.executable, script, "--help"], check=True, capture_output=True, text=True)
    assert "--help" in done.stdout


def test_scripts_are_known_by_their_last_lines():
    names = {path.stem for path in SCRIPTS}
    assert {"serving", "strangers", "execution"} <= names
    assert names.isdisjoint({"jobs", "peers", "shares", "servers"})


def test_a_benchmark_of_one_round_has_that_round_for_its_quartiles(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    training = importlib.import_module("training")
    assert training.quartiles([1.5]) == (1.5, 1.5, 1.5)
    assert training.quartiles([1.0, 2.0, 3.0]) == (1.0, 2.0, 3.0)
    monkeypatch.setattr("sys.argv", ["training.py", "--rounds", "0"])
    with pytest.raises(SystemExit):
        training.main()


def test_jobs_have_their_names_before_they_are_built_and_keep_them(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    jobs = importlib.import_module("jobs")
    first = next(iter(jobs.JOBS))
    assert first == "linear 1024x1024, batch 1, shared, 12.5%"
    if why_no_kernels() is None:
        assert jobs.JOBS[first]().name == first


def test_a_name_of_no_job_is_refused_before_anything_is_built():
    words = [sys.executable, FOLDER / "execution.py", "--only", "nonsense"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no job's name holds 'nonsense'" in done.stderr


def test_a_peer_is_held_against_ours_round_by_round_and_float32_against_float32(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    peers = importlib.import_module("peers")
    taken = {"float32": [(2.0, 4.0)] * 3, "int8": [(1.0, 1.0)] * 3, "OpenVINO": [(4.0, 4.0)] * 3}
    taken["ONNX Runtime int8"] = [(3.0, 2.0)] * 3
    median = {"float32": 4.0, "int8": 1.0}
    assert peers._over(taken, median, "OpenVINO", 2.5) == "2.0 / 1.0 (2.5 missed)"
    assert peers._over(taken, median, "ONNX Runtime int8", 2.5) == "3.0 / 2.0 (2.5)"
    assert peers._over(taken, median, "DeepSparse", 1) == "-"
    timed = peers.Timed(calls={"a": [lambda: (2.0, 2.0), lambda: (1.0, 3.0)]})
    assert peers.in_turn(timed, 2) == {"a": [(1.0, 3.0)] * 2}


def test_a_row_of_no_network_is_refused_before_anything_is_built():
    words = [sys.executable, FOLDER / "execution.py", "--peers", "--only", "nonsense"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "No row's name holds 'nonsense'" in done.stderr


def test_a_layer_far_below_its_share_of_the_dense_product_ends_the_check_with_a_sentence(monkeypatch, capsys):
    if (reason := why_no_kernels()) is not None:
        pytest.skip(reason)
    monkeypatch.syspath_prepend(str(FOLDER))
    shares, execution = importlib.import_module("shares"), importlib.import_module("execution")
    kind = shares.KINDS[0]
    slow, fine = (
        replace(kind, name=name, known={"any": known}) for name, known in (("slow", 9.0), ("fine", 1e-6))
    )
    monkeypatch.setattr(shares, "KINDS", (slow, fine))
    monkeypatch.setattr("sys.argv", ["execution.py", "--check", "--rounds", "1"])
    threads = torch.get_num_threads()
    try:
        with pytest.raises(SystemExit) as ended:
            execution.main()
        assert str(ended.value).startswith("slow: ")
        assert "at least 360% are due" in str(ended.value)
        assert "\n" not in str(ended.value)
        assert "| fine" in capsys.readouterr().out
        monkeypatch.setattr("sys.argv", ["execution.py", "--check", "--rounds", "1", "--only", "fine"])
        execution.main()
    finally:
        torch.set_num_threads(threads)


def test_a_check_of_no_kind_of_layer_is_refused():
    words = [sys.executable, FOLDER / "execution.py", "--check", "--only", "nonsense"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "No kind of layer holds 'nonsense' in its name" in done.stderr
