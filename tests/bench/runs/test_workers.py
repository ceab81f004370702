"""Many requests on several workers, and the grids that make them.

Covers: bench/runs/grid.py
"""

import os
import signal
import sys
from dataclasses import replace

import pytest

from bench import SeesawError, cli
from bench.commands import options
from bench.runs.grid import at_densities, grid
from bench.runs.request import RunRequest
from bench.runs.workers import Worker, work_off

SMALL = {"policies": ("confidence",), "codecs": ("int8",), "meters": ("macs",)}

DYING = """
import os, signal
from bench import Method

class Dying(Method):
    def prepare(self, net, train):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def base(places):
    return RunRequest(**{"task": "blobs", "model": "", **SMALL, **places})


def test_a_grid_runs_dense_once_and_every_density_of_the_others(places):
    cells = grid(
        base(places),
        ["mlp", "lenet"],
        ["dense", "sparse[nearest=true]", "pruned[density=0.3]"],
        ["0.5", "0.25"],
        [0, 1],
    )
    assert len(cells) == 2 * 2 * (1 + 2 + 1)
    assert [cell.seed for cell in cells] == [0] * 8 + [1] * 8
    assert cells[1].model == "mlp_sparse[density=0.5,nearest=true]"
    assert at_densities("dense", ["0.5"]) == ["dense"]
    assert at_densities("reinit[of=snip]", ["0.5"]) == ["reinit[density=0.5,of=snip]"]
    for method in ("reinit[of=snip[density=0.1]]", "shuffled[of=sparse[fan_out=2:9:10]]"):
        assert at_densities(method, ["0.5", "0.25"]) == [method]
    with pytest.raises(SeesawError, match="nothing to compare"):
        grid(base(places), ["mlp"], ["dense"], [], [])


def test_a_worker_that_dies_fails_its_cell_and_the_others_go_on(places, tmp_path):
    (tmp_path / "dying.py").write_text(DYING)
    models = ["mlp", f"mlp_{tmp_path / 'dying.py'}:Dying", "mlp_sparse[density=0.3]", "mlp_pruned"]
    orders = [replace(base(places), model=model) for model in models]
    ends = {news.number: news for news in work_off(orders, 1, 1) if news.kind != "at"}
    assert [ends[number].kind for number in range(4)] == ["done", "failed", "failed", "done"]
    assert "SIGKILL; memory may have run out" in ends[1].line
    assert "not feasible" in ends[2].line


def test_stopping_ends_the_workers_and_the_same_orders_go_on(places):
    orders = grid(base(places), ["mlp"], ["dense", "pruned"], [], [0, 1])
    news = work_off(orders, 2, 1)
    while next(news).kind != "done":
        pass
    news.close()
    assert not any(map(alive, children()))
    assert {one.kind for one in work_off(orders, 2, 1) if one.kind != "at"} == {"done"}
    assert len(list(places["records"].glob("*/*/seed*.json"))) == 4


def test_an_idle_worker_that_dies_is_replaced(places):
    worker = Worker(0, 1, deterministic=False, measure=False)
    try:
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.join()
        worker.give(0, replace(base(places), model="mlp"))
        while (news := worker.news()).kind == "at":
            pass
    finally:
        worker.stop()
    assert news.kind == "done", news.line


def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(word) for word in file.read().split()]


def alive(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return "spawn_main" in file.read()
    except OSError:
        return False


def test_compare_ends_in_the_board_and_runs_nothing_twice(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options.out, "width", 160)
    words = [
        "compare",
        "--task",
        "blobs",
        "--methods",
        "dense,sparse",
        "--densities",
        "0.5,0.3",
        "--seeds",
        "0,1",
    ]
    small = ["--policies", "confidence", "--codecs", "int8", "--meters", "macs,storage", "--threads", "1"]

    def type_():
        monkeypatch.setattr(sys, "argv", ["seesaw", *words, *small])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    code, out, err = type_()
    assert code == 1
    assert "6 cells, 0 have a record, 6 to run" in out
    assert out.count("FAILED mlp_sparse[density=0.3]") == 2
    assert "mlp_sparse[density=0.5]" in out.split("cells run in")[1]
    assert "2 of 6 cells failed" in err
    assert (tmp_path / "results" / "index.html").exists()
    _, out, _ = type_()
    assert "6 cells, 4 have a record, 2 to run" in out
    (record, *_) = sorted(tmp_path.glob("results/records/*/mlp_sparse*/seed0.json"))
    folder = tmp_path / "runs" / record.relative_to(tmp_path / "results" / "records").with_suffix("")
    (folder / "again").touch()  # as a run leaves it that was begun again, and was killed
    _, out, _ = type_()
    assert "6 cells, 3 have a record, 3 to run" in out
    assert not (folder / "again").exists()
