"""On Slurm: long-lived jobs, by submitit, that take cells from a shelf on a shared disk."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.errors import needing
from bench.runs.sweeps.cell import Cell
from bench.runs.sweeps.depot import FolderDepot
from bench.runs.sweeps.places import OnSlurm
from bench.runs.sweeps.shelf import Shelf, Worker
from bench.runs.workers import News

LOOK_SECONDS = 1.0
"""Between two looks at the shelf."""


def on_slurm(place: OnSlurm, cells: Sequence[Cell], folders: FolderDepot) -> Iterator[News]:
    """Run cells by jobs of Slurm; yields messages about them until all have ended.

    Jobs that end while cells are left, as by a dead machine, are started again, so often as `retries` says. When the
    caller closes the iterator, the jobs are ended.

    Raises:
        SeesawError: submitit is not installed.
    """
    with needing("slurm", "--on slurm needs"):
        import submitit
    folder = folders.runs / "sweeps" / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    shelf = Shelf(folder)
    shelf.fill(list(cells), folders)
    executor: Any = submitit.AutoExecutor(folder=folder / "jobs", cluster=place.cluster)
    executor.update_parameters(**_parameters(place))
    begun: dict[int, float] = {}
    open_, again = {cell.number for cell in cells}, 0
    jobs = _started(executor, folder, min(place.workers, len(cells)))
    try:
        while open_:
            idle = all(job.done() for job in jobs)  # asked before the shelf is, or an end could be missed
            for event in shelf.events():
                if event.number in open_:
                    since = begun.setdefault(event.number, time.monotonic())
                    yield event.news(time.monotonic() - since)
                    if event.kind != "at":
                        open_.discard(event.number)
            if open_ and idle:
                if again == place.retries:
                    why = f"All jobs have ended ({_why(jobs)}), and were started {again + 1} times. Run the same command again."
                    yield from (News(number, 0, "failed", why) for number in sorted(open_))
                    return
                again += 1
                shelf.free()
                jobs = _started(executor, folder, min(place.workers, len(open_)))
            if open_:
                time.sleep(LOOK_SECONDS)
    finally:
        for job in jobs:
            if not job.done():
                job.cancel()


def _started(executor: Any, folder: Path, workers: int) -> list[Any]:
    with executor.batch():
        jobs = [executor.submit(Worker(folder, number)) for number in range(workers)]
    return jobs


def _why(jobs: Sequence[Any]) -> str:
    return ", ".join(sorted({str(job.state) for job in jobs}))


def _parameters(place: OnSlurm) -> dict[str, Any]:
    """What submitit asks Slurm for."""
    own: dict[str, Any] = {
        "name": "seesaw",
        "timeout_min": place.minutes,
        "cpus_per_task": place.cpus,
        "gpus_per_node": place.gpus,
    }
    if place.cluster == "slurm":
        own |= {"mem_gb": place.memory, "slurm_array_parallelism": place.workers}
        own |= {} if place.partition is None else {"slurm_partition": place.partition}
        own |= {} if place.account is None else {"slurm_additional_parameters": {"account": place.account}}
    return own
