"""run(): one request, from training to its record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.errors import SeesawError
from bench.files import DRAFT, sweep, writable
from bench.lock import Quiet, alone
from bench.records.mirror import Mirror
from bench.records.record import Record, load
from bench.records.store import Trained
from bench.runs.account import Account
from bench.runs.measure import measure_net
from bench.runs.phases import Phases, Report, silent
from bench.runs.ranks import Node, train_together
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.train import checkpoints_of, train, trained_before
from bench.runs.training.budget import out_of_memory
from bench.runs.training.checkpoint import Checkpoints

SETTLE = 1.2
"""Seconds that runs on the same machine are given to come to rest before one of them takes its timings."""


def run(
    request: RunRequest | ResolvedRun, report: Report = silent, *, again: bool = False, measure: bool = False
) -> Record:
    """Train one network, measure it, and write its record, its packed weights and its traces.

    A run with a record is not run again; a network that was trained and measured otherwise is only measured.
    A run that was cut short goes on after its last finished epoch; one in another process is waited for.

    Args:
        request: the run; a caller that has resolved it hands on what it resolved.
        report: called with its progress.
        again: run it from its beginning, and replace its record; cut short, it goes on like any other.
        measure: measure it again, and replace its record, without training; a run that has no record is trained.

    Raises:
        SeesawError: anything that the user can mend.
    """
    one = request if isinstance(request, ResolvedRun) else ResolvedRun.of(request)
    places = one.request
    if (node := Node.of(one.layout)).number:
        raise SeesawError(
            f"This is node {node.number} of {one.layout.nodes}: node 0 has the run, and the others follow it. Run `seesaw run` "
            "here, or call bench.runs.run.follow."
        )
    writable(places.records, "Records", "--records")
    writable(places.runs, "Weights and traces", "--runs")
    with alone(one.files.lock, lambda: report("wait", 0, 0, "another process runs this")):
        checkpoints, marker = checkpoints_of(one), one.files.again_marker
        if one.is_done and not again and not measure:
            checkpoints.clear()  # of a run that was killed between its record and its end
            return load(one.path)
        if measure and one.is_done and not again and one.trained() is None:
            raise SeesawError(
                "Its record is there, but not its weights (--runs), so it cannot be measured again. Bring its folder of weights, "
                "or train it anew: seesaw run --again."
            )
        _sweep(one)
        begin = again and not marker.exists()
        if begin:
            checkpoints.clear()
            marker.touch()
        earlier = None if marker.exists() else one.trained()
        quiet = Quiet(one.store.timing_lock, SETTLE if places.neighbours else 0.0)
        record = _mirrored(one, Phases(report, quiet), checkpoints, earlier, begin=begin)
        checkpoints.clear()
        marker.unlink(missing_ok=True)
        return record


def follow(run: ResolvedRun) -> None:
    """Train a run's share of this node, beside node 0, which has the run: it measures, and writes the record.

    Raises:
        SeesawError: a process died, or node 0 does not answer.
    """
    train_together(run, lambda word, content: None)


def _sweep(run: ResolvedRun) -> None:
    """Remove the drafts that killed writers have left."""
    sweep(run.files.folder, run.files.checkpoints)
    for draft in run.path.parent.glob(f".{run.path.name}.*{DRAFT}"):
        draft.unlink(missing_ok=True)


def _mirrored(
    run: ResolvedRun, phases: Phases, checkpoints: Checkpoints, earlier: Trained | None, *, begin: bool
) -> Record:
    """All phases, mirrored to Weights & Biases; as a new run there where it begins anew."""
    mirror = Mirror.of(run.setup, run.seed, run.files.mirror_id, run.request.runs, again=begin)
    try:
        with _memory_named():
            record = _phases(run, phases, mirror, checkpoints, earlier)
        mirror.record(record, run.path)
    finally:
        mirror.close()
    return record


def _phases(
    run: ResolvedRun, phases: Phases, mirror: Mirror, checkpoints: Checkpoints, earlier: Trained | None
) -> Record:
    """All phases in order; without training where the network was trained before."""
    with phases("data") as report:
        data = run.splits()
        report(1, 1, f"{len(data.train.labels)} training samples")
    if earlier is None:
        trained = train(run, data, phases, mirror, checkpoints)
    else:
        trained = trained_before(run, data, phases, earlier)
    measured = measure_net(run, trained.net, data, phases, earlier)
    record = Account(run, trained, measured, phases.seconds).record()
    run.store.save(record)
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
