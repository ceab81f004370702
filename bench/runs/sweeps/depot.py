"""Depot: the records and runs of a sweep, which workers fetch from and bring to; each works in a folder of its own.

So a cell is timed under a lock of its machine alone, a killed one leaves a checkpoint where the next worker finds it, and
nobody needs a lock on a shared disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from bench.errors import SeesawError
from bench.files import write_whole
from bench.runs.request import ResolvedRun, RunRequest

Root = Literal["records", "runs"]
File = tuple[Root, str, bytes]
"""A file below the folder of records or of runs: which folder, its path there, its content."""


class Depot(Protocol):
    """What a cell's worker uses of the sweep's folders, wherever they are."""

    def fetch(self, request: RunRequest) -> list[File]:
        """The files of a run: its checkpoints, its weights and record if it was run before."""
        ...

    def keep(self, files: list[File]) -> None:
        """Put files in their places, in this order, each whole or not at all."""
        ...

    def clear(self, request: RunRequest) -> None:
        """Remove a run's checkpoints, once its record is kept."""
        ...

    def progress(self, number: int, worker: int, line: str, share: float) -> None:
        """A cell's progress."""
        ...


def at(request: RunRequest, folder: Path) -> RunRequest:
    """The same request with its records and runs below a folder."""
    return replace(request, records=folder / "records", runs=folder / "runs")


def placed(request: RunRequest, path: Path) -> tuple[Root, str]:
    """Which folder of a request a file lies in, and its path there."""
    for root in ("records", "runs"):
        folder: Path = getattr(request, root)
        if path.is_relative_to(folder):
            return root, path.relative_to(folder).as_posix()
    raise SeesawError(f"{path} lies in neither {request.records} nor {request.runs}. Name other folders.")


@dataclass(frozen=True)
class FolderDepot:
    """A depot that is two folders of this machine, or of a disk that it shares.

    Attributes:
        records: the folder of records.
        runs: of weights, traces and checkpoints.
    """

    records: Path
    runs: Path

    def fetch(self, request: RunRequest) -> list[File]:
        """The files of a run that a worker needs to begin, to go on, or to measure."""
        own = replace(request, records=self.records, runs=self.runs)
        run = ResolvedRun.of(own)
        return [(*placed(own, path), path.read_bytes()) for path in dict.fromkeys(_belongings(run))]

    def keep(self, files: list[File]) -> None:
        """Put files in their places.

        Raises:
            SeesawError: a path leads out of the folders, or the disk is full.
        """
        for root, name, content in files:
            folder = self.records if root == "records" else self.runs
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise SeesawError(f"A worker sent {name}, which lies outside {folder}. Look at that worker.")
            write_whole(path, content, f"--{root}")

    def clear(self, request: RunRequest) -> None:
        """Remove a run's checkpoints, and its mark of a run that was begun again."""
        run = ResolvedRun.of(replace(request, records=self.records, runs=self.runs))
        run.files.again_marker.unlink(missing_ok=True)
        for path in [*run.files.checkpoints.glob("*")] if run.files.checkpoints.is_dir() else []:
            path.unlink(missing_ok=True)
        if run.files.checkpoints.is_dir():
            run.files.checkpoints.rmdir()

    def progress(self, number: int, worker: int, line: str, share: float) -> None:
        """Nobody looks at it here."""


def _belongings(run: ResolvedRun) -> Iterator[Path]:
    files = run.files
    if files.folder.is_dir():
        yield from (path for path in files.folder.rglob("*") if path.is_file() and path != files.lock)
    if run.path.exists():
        yield run.path
    if (trained := run.trained()) is not None:
        yield trained.weights
        yield run.store.path(trained.record)
