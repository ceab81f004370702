"""What the records of its runs say against a stream record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.errors import SeesawError
from bench.records.checks.run import faults
from bench.records.checks.stream import SAME, counts_of
from bench.records.record import load, path_of
from bench.records.store import contested
from bench.records.stream import StreamRecord
from bench.replay.streams import costs as real


def contradictions(stream: StreamRecord, records: Path) -> list[str]:
    """What the records of its runs say against it; nothing of runs that have no record below the folder."""
    found = []
    for part in stream.parts:
        path = path_of(records, part.setup, part.digest, stream.seed)
        if not path.is_file():
            continue
        try:
            run = load(path)
        except SeesawError as error:
            found.append(str(error))
            continue
        if reason := contested(path, faults(run, path, records)):
            found.append(f"The record of its run is contested: {reason}")
        elif counts_of(run) != (part.samples, part.right):
            found.append(f"It says that the exits are right about {part.right} samples, and {path} does not.")
        elif part is stream.parts[0]:
            found += _readings(stream, path, records)
    return found


def _readings(stream: StreamRecord, run: Path, records: Path) -> Iterator[str]:
    """What the first run's record measured otherwise, of costs that were asked for by a reading's name."""
    trace = run.with_suffix("") / "test.safetensors"  # it need not be there: its place names the record
    try:
        if stream.reading:
            depths = real.depths_of([trace], records, stream.reading)
            yield from _other(stream.reading, stream.depths[-len(depths) :], depths, run)
        if stream.sending:
            sends = real.sends_of([trace], records, stream.sending, stream.arms)
            yield from _other(stream.sending, stream.sends, sends, run)
    except SeesawError as error:
        yield str(error)


def _other(name: str, told: list[float], found: list[float], run: Path) -> Iterator[str]:
    if len(told) != len(found) or not np.allclose(told, found, rtol=SAME):
        yield f"It says that its arms cost {told} by {name}, and by {run} it is {found}."
