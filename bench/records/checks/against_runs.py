"""Checks of a stream record against the records of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import SeesawError
from bench.records.compare import SAME
from bench.records.costs import depths_of, sends_of

if TYPE_CHECKING:
    from bench.records.record import Record
    from bench.records.store import Store
    from bench.records.stream import StreamPart, StreamRecord


def disputes(stream: StreamRecord, store: Store) -> Iterator[str]:
    """A sentence for each number that a run's record contradicts; none where the store lacks that record."""
    for part in stream.parts:
        path = store.run_record(part.setup, stream.seed)
        if not path.is_file():
            continue
        try:
            run = store.run(path)
        except SeesawError as error:
            yield str(error)
            continue
        if reason := store.contested(path, run.faults(path, store.records)):
            yield f"The record of its run is contested: {reason}"
        else:
            yield from _against(stream, part, run, str(path))


def _against(stream: StreamRecord, part: StreamPart, run: Record, path: str) -> Iterator[str]:
    if run.right() != (part.samples, part.right):
        yield f"It says that the exits are right about {part.right} samples, and {path} does not."
    elif (costs := _macs(run)) is not None and costs != part.costs:
        yield f"Its exits cost {part.costs} MACs, and by {path} it is {costs}."
    elif part is stream.parts[0]:
        try:
            yield from _costs(stream, run, path)
        except SeesawError as error:
            yield str(error)


def _macs(run: Record) -> list[float] | None:
    """The effective MACs of each exit; None where not every exit has them."""
    readings = [exit_.readings.get("macs.effective") for exit_ in run.exits]
    costs = [one.value for one in readings if one is not None]
    return costs if len(costs) == len(readings) else None


def _costs(stream: StreamRecord, run: Record, path: str) -> Iterator[str]:
    """A sentence for each list of costs by a reading's name that the first run's record contradicts."""
    if stream.reading:
        depths = depths_of(run, stream.reading)
        yield from _differ(stream.reading, stream.depths[-len(depths) :], depths, path)
    if stream.sending:
        yield from _differ(stream.sending, stream.sends, sends_of(run, stream.sending, stream.arms), path)


def _differ(name: str, recorded: list[float], measured: list[float], path: str) -> Iterator[str]:
    if len(recorded) != len(measured) or not np.allclose(recorded, measured, rtol=SAME):
        yield f"It says that its arms cost {recorded} by {name}, and by {path} it is {measured}."
