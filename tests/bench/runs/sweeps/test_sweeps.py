"""Cells on other machines' workers: by a team of this process, by a shelf, by Ray and submitit where they are installed.

Covers: bench/runs/sweeps/cell.py, bench/runs/sweeps/depot.py, bench/runs/sweeps/hand_out.py, bench/runs/sweeps/on_ray.py,
bench/runs/sweeps/on_slurm.py, bench/runs/sweeps/page.py, bench/runs/sweeps/places.py, bench/runs/sweeps/shelf.py,
bench/runs/sweeps/sweep.py
"""

import os
import signal
import sys
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import SeesawError, cli
from bench.machine import versions
from bench.records.record import load
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.sweeps.cell import Cell, run_cell
from bench.runs.sweeps.depot import FolderDepot
from bench.runs.sweeps.hand_out import Event, hand_out
from bench.runs.sweeps.on_ray import RayTeam, ended_in_order
from bench.runs.sweeps.page import SweepPage
from bench.runs.sweeps.places import OnRay, OnSlurm, place_of
from bench.runs.sweeps.shelf import Shelf, Worker
from bench.runs.sweeps.sweep import hold_installed, run_elsewhere
from bench.runs.workers import News

SMALL = {"policies": ("confidence",), "codecs": ("int8",), "meters": ("macs",)}


class Killed(BaseException):
    """Stands in for a signal that ends a worker."""


def cells(places, scratch, *models, **changes):
    words = {"task": "blobs", "recipe": {"epochs": "3"}} | SMALL | places | changes
    return [
        Cell(number, RunRequest(model=model, **words), 1, False, False, versions(), scratch)
        for number, model in enumerate(models)
    ]


class Deadly(FolderDepot):
    """A depot whose workers die after so many checkpoints."""

    def __init__(self, places, dies_after=None):
        super().__init__(places["records"], places["runs"])
        object.__setattr__(self, "left", dies_after)
        object.__setattr__(self, "begun", [])

    def fetch(self, request):
        found = super().fetch(request)
        self.begun.append(sorted(name.rpartition("/")[2] for _, name, _ in found))
        return found

    def keep(self, files):
        super().keep(files)
        if self.left is not None:
            object.__setattr__(self, "left", self.left - 1)
            if self.left == 0:
                object.__setattr__(self, "left", None)
                raise Killed


class Fake:
    """A team in this process: cells are run when events are asked for; a worker that dies is lost."""

    def __init__(self, depot, workers=2):
        self.workers, self.depot, self.given, self.closed = workers, depot, deque(), False
        self.log = []

    def give(self, worker, cell):
        self.given.append((worker, cell))
        self.log.append((worker, cell.number))

    def events(self, seconds):
        worker, cell = self.given.popleft()
        try:
            return [Event(*_first(run_cell(cell, self.depot, worker), cell.number, worker))]
        except Killed:
            return [Event("lost", cell.number, worker, "Its worker was lost")]

    def close(self):
        self.closed = True


def _first(ended, number, worker):
    return ended[0], number, worker, ended[1]


def test_a_lost_cell_goes_to_another_worker_and_on_after_its_last_epoch(places, tmp_path):
    expected = run(
        RunRequest(
            model="mlp_set",
            task="blobs",
            recipe={"epochs": "3"},
            **SMALL,
            records=tmp_path / "a",
            runs=tmp_path / "b",
        )
    )
    depot = Deadly(places, dies_after=2)
    team = Fake(depot)
    given = cells(places, tmp_path / "scratch", "mlp_set", "mlp_sparse[density=0.3]", "mlp_dense")
    ends = {news.number: news for news in hand_out(team, given, retries=1)}
    assert [ends[number].kind for number in range(3)] == ["done", "failed", "done"]
    assert "not feasible" in ends[1].line
    assert team.closed
    assert [number for _, number in team.log] == [0, 1, 0, 2]
    assert depot.begun == [
        [],
        [],
        ["call0000.safetensors"],
        [],
    ]  # the first cell's second worker has its checkpoint
    record = load(Path(ends[0].line))
    assert [row.loss for row in record.training] == [row.loss for row in expected.training]
    assert [one.readings for one in record.exits] == [one.readings for one in expected.exits]
    assert not list(places["runs"].rglob("checkpoints"))
    assert (
        (places["runs"] / Path(ends[0].line).relative_to(places["records"]))
        .with_suffix("")
        .joinpath("weights.safetensors")
        .exists()
    )
    assert not [
        path
        for path in (tmp_path / "scratch").rglob("*")
        if path.name in ("seed0.json", "weights.safetensors")
    ]


def test_a_cell_that_is_lost_too_often_has_failed(places, tmp_path):
    class Dead(Fake):
        def events(self, seconds):
            worker, cell = self.given.popleft()
            return [Event("lost", cell.number, worker, "Its worker was lost")]

    team = Dead(FolderDepot(places["records"], places["runs"]), workers=1)
    (end,) = hand_out(team, cells(places, tmp_path, "mlp"), retries=2)
    assert (end.kind, len(team.log)) == ("failed", 3)
    assert "lost 3 times. Run the same command again." in end.line


def test_a_cell_that_was_trained_here_is_only_measured_there(places, tmp_path):
    (cell,) = cells(places, tmp_path / "scratch", "mlp")
    trained = run(cell.request)
    other = replace(cell, request=replace(cell.request, codecs=("float16",)))
    kind, line = run_cell(other, FolderDepot(places["records"], places["runs"]), 0)
    assert kind == "done"
    assert load(Path(line)).notes["trained"]["created"] == trained.created


def test_another_version_is_a_sentence(places, tmp_path):
    (cell,) = cells(places, tmp_path, "mlp")
    kind, line = run_cell(
        replace(cell, versions={**versions(), "torch": "1.0"}),
        FolderDepot(places["records"], places["runs"]),
        0,
    )
    assert kind == "failed"
    assert "sweep was begun with 1.0. Install the same version on every machine." in line


def test_nothing_is_written_outside_the_folders(places, tmp_path):
    depot = FolderDepot(places["records"], places["runs"])
    with pytest.raises(SeesawError, match="lies outside"):
        depot.keep([("records", "../../escaped", b"")])


def test_a_shelf_gives_each_cell_to_one_worker_and_lost_ones_to_another(places, tmp_path):
    shelf = Shelf(tmp_path / "shelf", stale=0.4)
    given = cells(places, tmp_path / "scratch", "mlp", "mlp_set")
    shelf.fill(given, FolderDepot(places["records"], places["runs"]))
    assert shelf.read()[0] == given
    assert (shelf.take(2), shelf.take(2), shelf.take(2)) == (0, 1, None)
    time.sleep(0.5)
    with shelf.beating(1):
        os.utime(shelf.leases / "1")
        assert shelf.take(2) == 0  # its holder is lost
        time.sleep(0.5)
        assert shelf.take(2) == 0
        assert shelf.take(2) is None
    shelf.free()
    assert Worker(tmp_path / "shelf", 7)() == 2
    assert shelf.take(2) is None
    ends = [event for event in shelf.events() if event.kind == "done"]
    assert sorted((event.number, event.worker) for event in ends) == [(0, 7), (1, 7)]
    assert shelf.events() == []
    assert len(list(places["records"].rglob("seed0.json"))) == 2


def test_places_are_spelled_like_plugins_and_wrong_ones_are_sentences():
    assert place_of("local") is None
    assert place_of("ray[address=auto,workers=10,cpus=4]") == OnRay(address="auto", workers=10, cpus=4)
    assert place_of("slurm[cluster=debug]") == OnSlurm(cluster="debug")
    for text, words in (
        ("dask", "no --on 'dask'. Choose local, or ray or slurm"),
        ("local[workers=2]", "no --on 'local"),
        ("ray[worker=2]", "worker"),
        ("ray[workers=0]", "greater than"),
        ("slurm[cluster=lsf]", "slurm"),
    ):
        with pytest.raises(SeesawError, match=words.replace("[", r"\[")):
            place_of(text)


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("bench.runs.sweeps.sweep.find_spec", lambda name: None)
    with pytest.raises(SeesawError, match=r"--on ray needs ray. Install it: .*seesaw-bench\[ray\]"):
        hold_installed(OnRay())
    with pytest.raises(SeesawError, match=r"--on slurm needs submitit. Install it: .*seesaw-bench\[slurm\]"):
        hold_installed(OnSlurm())


def test_the_page_counts_lists_and_stops_reloading(tmp_path):
    now = [0.0]
    page = SweepPage(tmp_path / "sweep.html", ["a <b>", "c"], "mnist", lambda: now[0])
    page(News(0, 3, "at", "train loss 1", 0.5, 9))
    now[0] = 60.0
    text = page.text()
    assert "0 of 2 cells have ended, 1 at work, 1 min 00 s so far, about 3 min 00 s left." in text
    assert "a &lt;b&gt;" in text
    assert 'http-equiv="refresh"' in text
    page(News(0, 3, "failed", "because", 0.0, 61))
    page(News(1, 3, "done", "c.json", 0.0, 5))
    text = (tmp_path / "sweep.html").read_text()
    assert "2 of 2 cells have ended, 1 of them failed, 1 min 00 s so far." in text
    assert "refresh" not in text
    assert text.index("because") < text.index("c.json")


KILLING = """
import os, signal
from pathlib import Path
from types import SimpleNamespace
from bench import Method

class Killing(Method):
    marker: str

    def after_step(self, step):
        marker = Path(self.marker)
        if step.progress > 0.7 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_once(place, places, tmp_path):
    """Two cells, the first of which kills its worker in its last epoch; by number, how they ended."""
    (tmp_path / "killing.py").write_text(KILLING)
    model = f"mlp_{tmp_path / 'killing.py'}:Killing[marker={tmp_path / 'marker'}]"
    requests = [one.request for one in cells(places, None, model, "mlp_dense")]
    ends = {}
    for news in run_elsewhere(place, requests, 1):
        if news.kind != "at":
            assert news.number not in ends
            ends[news.number] = news
    assert [(ends[number].kind, ends[number].line[-10:]) for number in range(2)] == [
        ("done", "seed0.json")
    ] * 2
    assert (tmp_path / "marker").exists()
    record = load(ResolvedRun.of(requests[0]).path)
    assert len(record.training) == 3
    assert list(record.contradictions()) == []
    return record


def test_a_killed_actor_of_ray_loses_its_last_epoch_alone(places, tmp_path):
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'seesaw-bench[ray]'")
    place = OnRay(workers=1, retries=2, scratch=tmp_path / "scratch")
    killed_once(place, places, tmp_path)
    assert not ray.is_initialized()


def test_sigterm_closes_what_runs_on_ray_as_ctrl_c_does():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), ended_in_order():
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_lost_depot_of_ray_ends_the_sweep_with_a_sentence():
    class Lost(Exception):
        pass

    def get(promised):
        raise Lost("The actor died unexpectedly")

    team = RayTeam.__new__(RayTeam)
    team.tasks, team.depot = {}, SimpleNamespace(events=SimpleNamespace(remote=lambda: None))
    team.ray = SimpleNamespace(
        get=get, wait=lambda *_, **__: ([], []), exceptions=SimpleNamespace(RayError=Lost)
    )
    with pytest.raises(SeesawError, match=r"Ray lost the process .* run the same command again"):
        team.events(0)


def test_a_killed_job_of_submitit_is_started_again(places, tmp_path):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install 'seesaw-bench[slurm]'")
    killed_once(OnSlurm(cluster="local", retries=1, scratch=tmp_path / "scratch"), places, tmp_path)


def test_compare_runs_on_a_place_and_writes_its_page(monkeypatch, tmp_path, capsys):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install 'seesaw-bench[slurm]'")
    monkeypatch.chdir(tmp_path)
    words = [
        "compare",
        "--task",
        "blobs",
        "--methods",
        "dense,sparse",
        "--densities",
        "0.5,0.3",
        "--seeds",
        "0",
    ]
    small = ["--policies", "confidence", "--codecs", "int8", "--meters", "macs"]
    monkeypatch.setattr(
        sys,
        "argv",
        ["seesaw", *words, *small, "--on", f"slurm[cluster=debug,scratch={tmp_path / 'scratch'}]"],
    )
    with pytest.raises(SystemExit) as end:
        cli.main()
    printed = capsys.readouterr()
    assert end.value.code == 1
    assert "1 of 3 cells failed" in printed.err
    assert "3 of 3 cells have ended, 1 of them failed" in (tmp_path / "results" / "sweep.html").read_text()
    assert len(list((tmp_path / "results" / "records").rglob("seed0.json"))) == 2
