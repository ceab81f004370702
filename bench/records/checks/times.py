"""Checks of measured times against each other: one network on one machine takes about as long however it is timed.

To the last exit, in two parts at a cut, on a walk without a policy, and beside its dense parent: these were timed apart, and
other programs or another choice of kernels may have lain between them. So they are held against each other within a wide
factor, which catches a change of unit and of the order of magnitude. Times that are marked as disturbed are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import SeesawError
from bench.records.notes import OUT_OF_ORDER
from bench.records.reading import Reading
from bench.records.sealed import slug
from bench.records.setup import DENSE, parent_of, task_of

if TYPE_CHECKING:
    from bench.records.record import Record
    from bench.records.store import Store

FASTER, SLOWER = 5.0, 5.0
"""By how much one network may be faster or slower where it is timed in another way; 3.9 and 2.4 are the most that published
records show."""
RATIO = 4.0
"""By how much a speedup may be higher than the ratio of two records' times; 2.4 is the most that published records show."""


def time_faults(record: Record) -> Iterator[str]:
    """A sentence for each time that is of another order of magnitude than the one to the last exit."""
    last = _steady(record.exits[-1].readings, "latency") if record.exits else None
    if last is None:
        return
    yield from _out_of_order(record)
    for cut in record.cuts:
        parts = [name for name in ("latency.device", "latency.server") if name in cut.readings]
        times = [_steady(cut.readings, name) for name in parts]
        whole = sum(time for time in times if time is not None)
        if None not in times and times and not last / FASTER <= whole <= last * SLOWER:
            yield f"The parts at cut {cut.before} take {whole:g} s together, and the network takes {last:g} s to its last exit."
    for exit_ in record.exits:
        own, cut = _steady(exit_.readings, "latency"), exit_.stage + 1
        readings = record.cuts[cut].readings if cut < len(record.cuts) else {}
        device = _steady(readings, "latency.device")
        if own is not None and device is not None and not device / FASTER <= own <= device * SLOWER:
            yield f"To the exit of stage {exit_.stage} it takes {own:g} s, and the same part of it at cut {cut} {device:g} s."
    if "batch 1" not in record.exits[-1].readings["latency"].source.split(", "):
        return
    for walk in record.walks:
        time = _steady(walk.readings, "latency") if walk.policy is None else None
        if time is not None and not last / (FASTER * walk.batch) <= time <= last * SLOWER:
            yield f"A sample takes {time:g} s in batches of {walk.batch}, and {last:g} s to the last exit by itself."


def _out_of_order(record: Record) -> Iterator[str]:
    """Exits that a note calls slower than a deeper one are, beyond the quartiles of both, and are marked."""
    latencies = {str(n): exit_.readings.get("latency") for n, exit_ in enumerate(record.exits)}
    for number, deeper in record.notes.get(OUT_OF_ORDER, {}).items():
        one, two = latencies.get(number), latencies.get(str(deeper))
        if (
            one is None
            or two is None
            or int(number) >= deeper
            or one.is_reliable
            or (one.low or 0) <= (two.high or 0)
        ):
            yield f"A note says that exit {number} is slower than exit {deeper}, and their times do not."


def speedup_faults(record: Record, store: Store) -> Iterator[str]:
    """A sentence for each speedup that the times of this record and of its dense parent's contradict.

    The parent's record may be of another hour: where it is of another processor or number of threads, nothing is held.
    """
    if not any("speedup" in exit_.readings for exit_ in record.exits):
        return
    parents = [one for one in _parents(record, store) if _is_alike(one, record)]
    if not parents:
        return
    times = {exit_.stage: _steady(exit_.readings, "latency") for exit_ in parents[-1].exits}
    for number, exit_ in enumerate(record.exits):
        own, speedup, dense = (
            _steady(exit_.readings, "latency"), _steady(exit_.readings, "speedup"), times.get(exit_.stage),
        )  # fmt: skip
        if own and speedup and dense and not dense / own / FASTER <= speedup <= dense / own * RATIO:
            yield (
                f"Exit {number} is {speedup:g} x as fast as the dense parent's, and the parent's record says {dense:g} s where "
                f"this one says {own:g} s."
            )


def _steady(readings: Mapping[str, Reading], name: str) -> float | None:
    """The value of an undisturbed reading; None where there is none."""
    return readings[name].value if name in readings and readings[name].is_reliable else None


def _parents(record: Record, store: Store) -> list[Record]:
    """The records of the dense parent with the same seed, by time."""
    setup = record.setup
    if setup.method.name == DENSE and setup.values is None:
        return []
    training, name = parent_of(setup), f"{slug(setup.backbone.name)}_{slug(DENSE)}-*/seed{record.seed}.json"
    paths = [path for folder in store.sources for path in (folder / task_of(setup)).glob(name)]
    found = [one for path in paths if (one := _read(path, path.stat().st_mtime_ns)) is not None]
    alike = [one for one in found if one.setup.values is None and one.setup.training_digest() == training]
    return sorted(alike, key=lambda one: one.created)


@lru_cache(maxsize=512)
def _read(path: Path, changed: int) -> Record | None:
    """A record, read once for all that have it as their parent; None where it cannot be read, which its own check says."""
    from bench.records.record import Record

    try:
        return Record.read(path)
    except SeesawError:
        return None


def _is_alike(one: Record, other: Record) -> bool:
    """Whether two records' times are of one kind of machine, and of calls of one size."""

    def conditions(record: Record) -> tuple[object, ...]:
        machine, sources = (
            record.machine,
            [e.readings["latency"].source for e in record.exits if "latency" in e.readings],
        )
        batch = [part for source in sources[:1] for part in source.split(", ") if part.startswith("batch ")]
        return machine.get("processor"), machine.get("accelerator"), record.timing_threads, batch

    return conditions(one) == conditions(other)
