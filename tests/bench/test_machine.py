"""The machine as the system describes it, and the code's commit as git does."""

import ctypes
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench import SeesawError
from bench import machine as this

CPUINFO = "processor\t: 0\nmodel name\t: A processor: the first\nflags\t\t: fpu avx2\n\nprocessor\t: 1\nflags\t\t: none\n"
GIT = ["git", "-c", "user.name=me", "-c", "user.email=me@here"]


def test_name_and_instruction_sets_are_the_first_cores(monkeypatch):
    monkeypatch.setattr(this, "_read", lambda path: CPUINFO)
    assert this.features() == ["A processor: the first", "flags\t\t: fpu avx2"]
    monkeypatch.setattr(this, "_read", lambda path: None)
    assert this.features()[1] == ""
    assert this.processor() != ""


def test_auto_is_the_fastest_device_there_is_and_an_absent_one_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert this.pick_device("auto") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert this.pick_device("auto") == torch.device("cpu")
    for name in ("cuda", "mps", "tpu"):
        with pytest.raises(SeesawError, match=rf"no device '{name}' here\. Choose auto, cpu\."):
            this.pick_device(name)


def test_conditions_hold_the_threads_that_were_set():
    code = "import torch; from bench.machine import conditions, settle; settle(3, deterministic=True)\n"
    code += (
        "print({key: conditions(torch.device('cpu'))[key] for key in ('threads', 'deterministic', 'device')})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'threads': 3, 'deterministic': True, 'device': 'cpu'}"


def test_a_commit_is_dirty_by_tracked_files_that_are_no_records(tmp_path, monkeypatch):
    code, page = tmp_path / "bench" / "machine.py", tmp_path / "leaderboards" / "page.md"
    for file in (code, page):
        file.parent.mkdir()
        file.write_text("old")
    monkeypatch.setattr(this, "__file__", str(code))
    commit = this.commit.__wrapped__
    assert commit() == (None, None)
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert commit() == (head, False)
    page.write_text("new")
    (tmp_path / "untracked").touch()
    assert commit() == (head, False)
    code.write_text("new")
    assert commit() == (head, True)


def test_versions_are_of_python_and_of_what_is_installed(monkeypatch):
    monkeypatch.setattr(this, "PACKAGES", ("torch", "no-such-package"))
    assert this.versions().keys() == {"python", "torch"}
    assert this.versions()["python"] == ".".join(map(str, sys.version_info[:3]))
    assert Path(this.__file__).name == "machine.py"


def test_a_processor_runs_the_code_of_every_kind_whose_features_it_has():
    from bench.machine import TARGETS, targets_of

    everything = " ".join(TARGETS.values()).split()
    assert targets_of(everything)[0] == "x86-64-v4"
    assert targets_of([one for one in everything if not one.startswith("avx512")])[0] == "x86-64-v3"
    assert targets_of(["sse4_2"]) == []


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs the C library of GNU"
)
def test_memory_that_is_kept_is_not_fetched_anew():
    code = (
        "import resource; from bench.machine import settle; settle(None); pages = lambda: resource.getrusage(0).ru_minflt\n"
        "for turn in range(21):\n"
        "    before = pages() if turn == 1 else before if turn else 0\n"
        "    block = bytearray(b'x') * (4 << 20); del block\n"
        "print(pages() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < (4 << 20) / resource.getpagesize(), "twenty blocks take no pages of their own"
