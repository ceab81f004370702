"""The compiler's processes: they run at once, and none outlives who asked for it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from bench.execution import native
from bench.execution.compiler import DRAFT, UNITS, compiler, run_together, sweep

SLOW = """#!/bin/sh
sleep 300 &
echo $$ $! >> "$PIDS"
wait
"""


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_commands_run_at_once_and_print_into_the_error(tmp_path):
    meet = "touch {0}; while [ ! -e {1} ]; do sleep 0.01; done"
    one, two = tmp_path / "one", tmp_path / "two"
    run_together([["sh", "-c", meet.format(one, two)], ["sh", "-c", meet.format(two, one)]], tmp_path)
    with pytest.raises(RuntimeError, match="error: no such thing"):
        run_together([["sh", "-c", "echo 'error: no such thing' >&2; exit 3"]], tmp_path)


def test_where_one_fails_the_others_end(tmp_path, monkeypatch):
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    slow = script(tmp_path / "slow", SLOW)
    fails = f"while [ ! -s {tmp_path}/pids ]; do sleep 0.01; done; exit 1"
    with pytest.raises(RuntimeError):
        run_together([["sh", "-c", fails], [slow]], tmp_path)
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2
    until(lambda: not any(map(runs, pids)))


def test_a_build_that_is_ended_leaves_no_process_and_the_next_one_no_folder(tmp_path, monkeypatch):
    slow = script(tmp_path / "c++", SLOW)
    code = (
        "import pathlib, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored in the background
        "from bench.execution.compiler import build; build('mine', pathlib.Path(sys.argv[1]), 'native')"
    )
    ends = {}
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        folder = tmp_path / number.name / "seesaw_mine"
        folder.mkdir(parents=True)
        words = [sys.executable, "-c", code, str(folder / "mine.so")]
        own = os.environ | {"CXX": slow, "PIDS": str(folder / "pids")}
        ends[number] = folder, subprocess.Popen(words, env=own, stderr=subprocess.DEVNULL)
    for number, (folder, process) in ends.items():
        pids = folder / "pids"
        until(lambda pids=pids: pids.exists() and len(pids.read_text().split()) == 2 * len(UNITS))
        process.send_signal(number)
        process.wait(20)
        until(lambda pids=pids: not any(map(runs, pids.read_text().split())))
    left = {number.name: len(list(folder.glob(f"{DRAFT}*"))) for number, (folder, _) in ends.items()}
    assert left == {"SIGKILL": 1, "SIGTERM": 1, "SIGINT": 0}
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path / "SIGKILL"))
    monkeypatch.setenv("CXX", script(tmp_path / "fails", "#!/bin/sh\nexit 1\n"))
    with pytest.raises(RuntimeError):
        native._library()
    assert list((tmp_path / "SIGKILL").glob(f"*/{DRAFT}*")) == []


def test_only_drafts_are_swept(tmp_path):
    (tmp_path / f"{DRAFT}1").mkdir()
    (tmp_path / "seesaw.so").write_text("kernels")
    sweep([tmp_path])
    assert [path.name for path in tmp_path.iterdir()] == ["seesaw.so"]


def test_a_compiler_is_found_where_there_is_no_path_and_one_that_is_missing_is_an_error(
    monkeypatch, tmp_path
):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv("PATH")
    assert compiler() == "c++"
    run_together([["c++", "--version"]], tmp_path)
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="there is no C\\+\\+ compiler"):
        compiler()
