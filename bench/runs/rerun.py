"""A record's settings run once more."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.errors import SeesawError
from bench.kinds.bounds import hold_size
from bench.machine import settle
from bench.records.record import Record
from bench.records.store import Store
from bench.runs.phases import Report, silent
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run


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
        SeesawError: it was made with a draft or from a file of weights, its network is too large to build for a
            stranger (`hold_size`), or its specs and settings differ.
    """
    recorded = record.machine.get("threads")
    usual = recorded if isinstance(recorded, int) and 0 < recorded <= 1024 else None
    settle(threads or usual, deterministic=record.machine.get("deterministic") is True)
    with tempfile.TemporaryDirectory() as folder:
        places: dict[str, Any] = {"records": Path(folder) / "records", "runs": Path(folder) / "runs"}
        again = ResolvedRun.of(RunRequest.of(record, data=data, **places))
        hold_size(
            again.backbone.plugin, again.method.plugin, again.exits.plugin, again.about, cut=again.setup.cut
        )
        other = run(again, report)
    if other.digest != record.digest:
        raise SeesawError(
            f"Run with what its specs say, its settings have the digest {other.digest}, not {record.digest}. "
            "Its specs do not say what its settings say; ask who made it."
        )
    return other
