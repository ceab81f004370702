"""Cell: one request of a sweep, run in a folder of the worker's machine and brought to the depot."""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.errors import SeesawError
from bench.machine import settle, versions
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.sweeps.depot import Depot, at, placed

PROGRESS_SECONDS = 1.0
"""The least time between two reports of a cell's progress."""
SAME = "seesaw-bench", "torch"
"""The distributions whose versions must be the same on all machines."""


@dataclass(frozen=True)
class Cell:
    """One request of a sweep.

    Attributes:
        number: its place among the requests.
        request: as it was asked for where the sweep was begun.
        threads: of PyTorch.
        deterministic: whether PyTorch uses deterministic algorithms only.
        measure: whether what has a record is measured again.
        versions: of packages where the sweep was begun.
        scratch: folder for cells at work; None for one of the machine's temporary files.
    """

    number: int
    request: RunRequest
    threads: int
    deterministic: bool
    measure: bool
    versions: dict[str, str]
    scratch: Path | None = None


Ended = tuple[Literal["done", "failed"], str]
"""How a cell ended, and the path of its record or the reason."""


def run_cell(cell: Cell, depot: Depot, worker: int) -> Ended:
    """Run a cell from where its last worker left it; a failure that a user can mend is its end, others are raised."""
    try:
        _hold_versions(cell)
        return "done", _run(cell, depot, worker)
    except SeesawError as error:
        return "failed", str(error)


def _run(cell: Cell, depot: Depot, worker: int) -> str:
    settle(cell.threads, deterministic=cell.deterministic)
    folder = (cell.scratch or Path(tempfile.gettempdir())) / f"seesaw-sweep-{getpass.getuser()}"
    request = at(cell.request, folder)
    own = ResolvedRun.of(request)
    for root, name, content in depot.fetch(cell.request):
        path: Path = getattr(request, root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    reports = _Reports(cell, own, depot, worker)
    record = run(own, reports, measure=cell.measure)
    files = own.files
    brought = [
        path
        for path in sorted(files.folder.rglob("*"))
        if path.is_file() and path not in (files.lock, files.again_marker)
    ]
    depot.keep([(*placed(request, path), path.read_bytes()) for path in [*brought, own.path]])
    depot.clear(cell.request)
    shutil.rmtree(files.folder, ignore_errors=True)
    own.path.unlink(missing_ok=True)
    return str(cell.request.store.path(record))


def _hold_versions(cell: Cell) -> None:
    here = versions()
    for name in SAME:
        if cell.versions.get(name) != here.get(name):
            raise SeesawError(
                f"{os.uname().nodename} has {name} {here.get(name)}, and the sweep was begun with {cell.versions.get(name)}. "
                "Install the same version on every machine."
            )


class _Reports:
    """A run's report to the depot, which gets every new checkpoint too."""

    def __init__(self, cell: Cell, run: ResolvedRun, depot: Depot, worker: int) -> None:
        self.cell, self.run, self.depot, self.worker = cell, run, depot, worker
        self.reported = 0.0
        self.kept: dict[Path, float] = self._checkpoints()

    def __call__(self, phase: str, done: float, total: float, line: str) -> None:
        new = {path: time_ for path, time_ in self._checkpoints().items() if self.kept.get(path) != time_}
        if new:
            self.kept |= new
            self.depot.keep([(*placed(self.run.request, path), path.read_bytes()) for path in new])
        if time.monotonic() - self.reported > PROGRESS_SECONDS:
            self.reported = time.monotonic()
            share = done / total if phase == "train" and total else 0.0
            self.depot.progress(self.cell.number, self.worker, f"{phase} {line}".strip(), share)

    def _checkpoints(self) -> dict[Path, float]:
        folder: Any = self.run.files.checkpoints
        return {path: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}
