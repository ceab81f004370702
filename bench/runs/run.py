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

    What has a record already is not run; what was trained and measured otherwise is only measured; what was cut
    short goes on after its last finished epoch; what another process runs is waited for.

    Args:
        request: what to run.
        report: called with how far it is.
        again: run it from its beginning, whatever there is; when this is cut short, it too goes on.
        measure: measure it again although there is a record, without training where its weights are there.

    Raises:
        SeesawError: anything that the user can mend.
    """
    one = ResolvedRun.of(request)
    writable(request.records, "Records", "--records")
    writable(request.runs, "Weights and traces", "--runs")
    with alone(one.folder / "lock", lambda: report("wait", 0, 0, "another process runs this")):
        checkpoints = checkpoints_of(one)
        if is_done(one) and not again and not measure:
            checkpoints.clear()  # of a run that was killed between its record and its end
            return load(one.path)
        _sweep(one)
        anew = _anew(one)
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


def is_done(run: ResolvedRun) -> bool:
    """Whether a run has its record, and is not half-way through running again."""
    return run.path.exists() and not _anew(run).exists()


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
        record: whose settings.
        store: of the record; nothing in it is read or written.
        data: folder of data sets.
        threads: of the processor; as many as the record had where left out.
        report: called with how far it is.

    Raises:
        SeesawError: it was made with a draft or from a file of weights, or its specs do not say what its settings say.
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


def _anew(run: ResolvedRun) -> Path:
    """A file that stands while a run that was asked for again is not at its end."""
    return run.folder / "again"


def _sweep(run: ResolvedRun) -> None:
    """Remove what killed writers have left."""
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
    """Turn the end of memory into a sentence."""
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise SeesawError(
            f"Memory ran out ({str(error).splitlines()[0].rstrip('.')}). Choose a smaller backbone, or another device."
        ) from error
