"""Shelf: a folder on a shared disk from which workers take cells, one lease each, and on which they write how these go.

A lease is a file that only one worker can make. Its holder touches it every few seconds; one that was not touched for a
minute has lost its holder, and whoever renames it first takes the cell over. Times are the disk's own, so that clocks of
machines need not agree.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bench.files import write_whole
from bench.runs.request import RunRequest
from bench.runs.sweeps.cell import Cell, run_cell
from bench.runs.sweeps.depot import FolderDepot
from bench.runs.sweeps.hand_out import Event

BEAT, STALE = 5.0, 60.0
"""Seconds between two touches of a lease, and after how many without one its holder is taken for lost."""


class Shelf:
    """The folder of one sweep.

    Args:
        folder: that all machines share.
        stale: seconds after which a lease that nobody touches is taken over.
    """

    def __init__(self, folder: Path, stale: float = STALE) -> None:
        self.folder, self.stale = folder, stale
        self.leases, self.states = folder / "leases", folder / "states"
        self.seen: dict[str, int] = {}

    def fill(self, cells: list[Cell], depot: FolderDepot) -> None:
        """Write what is to be run."""
        for folder in (self.leases, self.states):
            folder.mkdir(parents=True, exist_ok=True)
        values = {
            "cells": [_plain(asdict(cell)) for cell in cells],
            "depot": {"records": str(depot.records), "runs": str(depot.runs)},
        }
        write_whole(self.folder / "cells.json", json.dumps(values).encode(), "--runs")

    def read(self) -> tuple[list[Cell], FolderDepot]:
        """What is to be run."""
        values = json.loads((self.folder / "cells.json").read_bytes())
        return [_cell(one) for one in values["cells"]], FolderDepot(
            **{name: Path(path) for name, path in values["depot"].items()}
        )

    def take(self, count: int) -> int | None:
        """The number of a cell that nobody has, of so many, now leased to the caller; None where there is none."""
        now = self._now()
        for number in range(count):
            if (self.states / f"{number}.end.json").exists():
                continue
            lease = self.leases / str(number)
            with suppress(OSError):
                if now - lease.stat().st_mtime > self.stale:
                    lease.rename(self.leases / f"{number}.lost.{uuid.uuid4().hex}")  # one worker can
            try:
                os.close(os.open(lease, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError:
                continue
            return number
        return None

    def free(self) -> None:
        """Take the leases of cells that have not ended from holders that are known to have ended."""
        for lease in self.leases.iterdir():
            if lease.name.isdigit() and not (self.states / f"{lease.name}.end.json").exists():
                lease.unlink(missing_ok=True)

    def _now(self) -> float:
        """The disk's own time."""
        clock = self.folder / f"clock.{uuid.uuid4().hex}"
        clock.touch()
        now = clock.stat().st_mtime
        clock.unlink()
        return now

    @contextmanager
    def beating(self, number: int) -> Iterator[None]:
        """Within it the lease of a cell is touched every few seconds."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(min(BEAT, self.stale / 4)):
                with suppress(OSError):
                    os.utime(self.leases / str(number))

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def note(self, event: Event) -> None:
        """Write a cell's progress or its end."""
        name = f"{event.number}.{'at' if event.kind == 'at' else 'end'}.json"
        write_whole(self.states / name, json.dumps(asdict(event)).encode(), "--runs")

    def events(self) -> list[Event]:
        """The progress and ends since the last call."""
        events = []
        for path in self.states.glob("*.json"):
            try:
                changed = path.stat().st_mtime_ns
                if self.seen.get(path.name) == changed:
                    continue
                events.append(Event(**json.loads(path.read_bytes())))
            except FileNotFoundError:
                continue
            self.seen[path.name] = changed
            if path.name.endswith(".end.json"):
                (self.states / f"{events[-1].number}.at.json").unlink(missing_ok=True)
        return events


@dataclass(frozen=True)
class _Noting(FolderDepot):
    """The depot of a worker that writes progress on a shelf."""

    shelf: Shelf

    def progress(self, number: int, worker: int, line: str, share: float) -> None:
        self.shelf.note(Event("at", number, worker, line, share))


class Worker:
    """A worker's life: cells from a shelf, until nobody needs to take one. submitit starts it, and starts it again.

    Args:
        folder: of the shelf.
        number: of the worker.
        stale: seconds after which another's lease is taken over.
    """

    def __init__(self, folder: Path, number: int, stale: float = STALE) -> None:
        self.folder, self.number, self.stale = folder, number, stale

    def __call__(self) -> int:
        """Returns how many cells it ran."""
        shelf, done = Shelf(self.folder, self.stale), 0
        cells, folders = shelf.read()
        depot = _Noting(folders.records, folders.runs, shelf)
        while (number := shelf.take(len(cells))) is not None:
            with shelf.beating(number):
                try:
                    kind, line = run_cell(cells[number], depot, self.number)
                except Exception as error:
                    kind = "failed"
                    line = f"{type(error).__name__}: {error}. This is a fault in Seesaw or a plugin: run the cell by seesaw run."
                shelf.note(Event(kind, number, self.number, line))
            done += 1
        return done

    def checkpoint(self) -> Any:
        """What is queued in its place where Slurm ends it before its end: the same worker, whose cell goes on."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(Worker(self.folder, self.number, self.stale))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _cell(values: dict[str, Any]) -> Cell:
    request, paths = dict(values["request"]), ("weights", "data", "records", "runs")
    for field in fields(RunRequest):
        value = request[field.name]
        if field.name in paths and value is not None:
            request[field.name] = Path(value)
        elif isinstance(value, list):
            request[field.name] = tuple(value)
    scratch = values["scratch"]
    return Cell(**values | {"request": RunRequest(**request), "scratch": scratch and Path(scratch)})
