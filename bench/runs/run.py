"""run(): one request, from training to its record."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.errors import SeesawError
from bench.files import DRAFT, sweep, writable
from bench.lock import Quiet, alone
from bench.machine import settle
from bench.records.mirror import Mirror
from bench.records.record import Record, load
from bench.records.store import Store, Trained
from bench.runs.account import Account
from bench.runs.measure import measure as measured_of
from bench.runs.phases import Phases, Report, silent
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.train import checkpoints_of, train, trained_before
from bench.runs.training.budget import out_of_memory

SETTLE = 1.2
"""Seconds that runs on the same machine are given to come to rest before one of them takes its timings."""


def run(
    request: RunRequest, report: Report = silent, *, again: bool = False, measure: bool = False
) -> Record:
    """Train one network, measure it, and write its record, its packed weights and its traces.

    A run with a record is not run again; a network that was trained and measured otherwise is only measured.
    A run that was cut short goes on after its last finished epoch; one in another process is waited for.

    Args:
        request: the run.
        report: called with its progress.
        again: run it from its beginning, and replace its record; cut short, it goes on like any other.
        measure: measure it again, and replace its record, without training where its weights are there.

    Raises:
        SeesawError: anything that the user can mend.
    """
    one = ResolvedRun.of(request)
    writable(request.records, "Records", "--records")
    writable(request.runs, "Weights and traces", "--runs")
    with alone(one.folder / "lock", lambda: report("wait", 0, 0, "another process runs this")):
        checkpoints = checkpoints_of(one)
        if one.is_done and not again and not measure:
            checkpoints.clear()  # of a run that was killed between its record and its end
            return load(one.path)
        _sweep(one)
        anew = one.anew
        begin = again and not anew.exists()
        if begin:
            checkpoints.clear()
            anew.touch()
        earlier = None if anew.exists() else one.trained()
        quiet = Quiet(request.runs / "timing.lock", SETTLE if request.neighbours else 0.0)
        record = _mirrored(one, Phases(report, quiet), earlier, begin=begin)
        checkpoints.clear()
        anew.unlink(missing_ok=True)
        return record


def again(
    record: Record,
    store: Store,
    *,
    data: Path = Path("data"),
    threads: int | None = None,
    report: Report = silent,
) -> Record:
    """Run a record's settings once more, in folders that are gone afterwards.

    Args:
        record: of which the settings are run.
        store: of the record; nothing in it is read or written.
        data: folder of data sets.
        threads: of the processor; the record's where left out.
        report: called with its progress.

    Raises:
        SeesawError: it was made with a draft or from a file of weights, or its specs and settings differ.
    """
    recorded = record.machine.get("threads")
    usual = recorded if isinstance(recorded, int) and 0 < recorded <= 1024 else None
    settle(threads or usual, deterministic=record.machine.get("deterministic") is True)
    with tempfile.TemporaryDirectory() as folder:
        places: dict[str, Any] = {"records": Path(folder) / "records", "runs": Path(folder) / "runs"}
        anew = run(RunRequest.of(record, data=data, **places), report)
    if anew.digest != record.digest:
        raise SeesawError(
            f"Run with what its specs say, its settings have the digest {anew.digest}, not {record.digest}. "
            "Its specs do not say what its settings say; ask who made it."
        )
    return anew


def _sweep(run: ResolvedRun) -> None:
    """Remove the drafts that killed writers have left."""
    sweep(run.folder, run.folder / "checkpoints")
    for draft in run.path.parent.glob(f".{run.path.name}.*{DRAFT}"):
        draft.unlink(missing_ok=True)


def _mirrored(run: ResolvedRun, phases: Phases, earlier: Trained | None, *, begin: bool) -> Record:
    """All phases, mirrored to Weights & Biases; as a new run there where it begins anew."""
    mirror = Mirror.of(run.setup, run.seed, run.folder, run.request.runs, again=begin)
    try:
        with _memory_named():
            record = _phases(run, phases, mirror, earlier)
        mirror.record(record, run.path)
    finally:
        mirror.close()
    return record


def _phases(run: ResolvedRun, phases: Phases, mirror: Mirror, earlier: Trained | None) -> Record:
    """All phases in order; without training where the network was trained before."""
    with phases("data") as report:
        data = run.task.plugin.data(run.request.data, run.seed)
        report(1, 1, f"{len(data.train.labels)} training samples")
    if earlier is None:
        trained = train(run, data, phases, mirror, checkpoints_of(run))
    else:
        trained = trained_before(run, data, phases, earlier)
    measured = measured_of(run, trained.net, data, phases, earlier)
    record = Account(run, trained, measured, phases.seconds).record()
    record.save(run.request.records)
    return record


@contextmanager
def _memory_named() -> Iterator[None]:
    """Turn an error at the end of memory into a sentence."""
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise SeesawError(
            f"Memory ran out ({str(error).splitlines()[0].rstrip('.')}). Choose a smaller backbone, or another device."
        ) from error
