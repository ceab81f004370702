"""Many written files checked at once, in several processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.errors import SeesawError
from bench.records.store import Store, open_file

FEW = 16
"""So many files are checked in this process: another one takes a second to start."""


class Checked(NamedTuple):
    """A file that was checked.

    Attributes:
        path: where it lies.
        faults: a sentence each; none for a sound file.
        note: a maintainer's reason to doubt it, where there is one.
    """

    path: Path
    faults: list[str]
    note: str | None


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files that paths name: themselves, and all written files below those that are folders, each once.

    Raises:
        SeesawError: a folder has none.
    """
    files: dict[Path, None] = {}
    for path in paths:
        below = sorted(path.rglob("seed*.json")) if path.is_dir() else [path]
        if not below:
            raise SeesawError(
                f"There is no record below {path}. Name a folder with seed*.json files in it, or a file."
            )
        files |= dict.fromkeys(below)
    return list(files)


def check_file(path: Path, store: Store) -> Checked:
    """One file, read and checked; where it cannot be read, that is its fault."""
    try:
        return Checked(path, store.faults(open_file(path), path), store.contested(path, []))
    except SeesawError as error:
        return Checked(path, [str(error)], None)


def check_files(
    paths: Sequence[Path],
    store: Store,
    report: Callable[[int], None] = lambda done: None,
    processes: int | None = None,
) -> list[Checked]:
    """Files in the order of `paths`, checked in as many processes as there are cores.

    Args:
        paths: of files.
        store: what other files say of them is looked up in it.
        report: called with the number of files done.
        processes: as many; the number of cores where left out, and this one alone for few files.

    Raises:
        SeesawError: a process died.
    """
    count = processes or (1 if len(paths) <= FEW else cores())
    check, checked = partial(check_file, store=store), []
    if count == 1:
        for path in paths:
            checked.append(check(path))
            report(len(checked))
        return checked
    try:
        with processes_of(count) as pool:
            for one in pool.map(check, paths, chunksize=max(1, min(8, len(paths) // count))):
                checked.append(one)
                report(len(checked))
    except BrokenProcessPool as error:
        raise SeesawError(
            f"A process that checked files died after {len(checked)} of {len(paths)}. Check smaller folders, one by one."
        ) from error
    return checked


@contextmanager
def processes_of(count: int, begin: Callable[[], None] | None = None) -> Iterator[Executor]:
    """Processes that start no more work once the block is left, whatever ended it; each calls `begin` first."""
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=begin)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
