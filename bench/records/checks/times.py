"""Checks of measured times against each other: one network on one machine takes about as long however it is timed.

To the last exit and in two parts at a cut the network is timed in one way, but apart, and other programs may have lain between
them. So they are held against each other within a wide factor, which catches a change of the order of magnitude. Times that are
marked as disturbed are left out. How many times as fast as dense it is was taken in the same rounds, soon after the ways to run
the dense network were compared, so these agree better. Walks may be run in another way, and the dense parent's record may be of
another hour: neither is held against these times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bench.records.notes import DENSE_WAYS, FASTEST, OUT_OF_ORDER
from bench.records.reading import Reading

if TYPE_CHECKING:
    from bench.records.record import Record

FASTER, SLOWER = 8.0, 8.0
"""By how much one network may be faster or slower where it is timed in another way; 3.9 and 2.4 are the most that published
records show."""

OVER_DENSE = 3.0
"""By how much the ratio to the fastest dense way may differ from those seconds over the network's own; 1.3 is the most that
published records show."""


def time_faults(record: Record) -> Iterator[str]:
    """A sentence for each time that is of another order of magnitude than the one to the last exit."""
    last = _steady(record.exits[-1].readings, "latency") if record.exits else None
    if last is None:
        return
    yield from _out_of_order(record)
    yield from _over_dense(record, last)
    for cut in record.cuts:
        parts = [name for name in ("latency.device", "latency.server") if name in cut.readings]
        times = [_steady(cut.readings, name) for name in parts]
        whole = sum(time for time in times if time is not None)
        if None not in times and times and not last / FASTER <= whole <= last * SLOWER:
            yield f"The parts at cut {cut.before} take {whole:g} s together, and the network takes {last:g} s to its last exit."
    for exit_ in record.exits:
        own, cut = _steady(exit_.readings, "latency"), exit_.stage + 1
        readings = record.cuts[cut].readings if cut < len(record.cuts) else {}
        device, head = _steady(readings, "latency.device"), _steady(exit_.readings, "latency.head")
        if own is not None and head is not None and head > own * SLOWER:
            yield f"The head of the exit of stage {exit_.stage} takes {head:g} s alone, and all up to its exit {own:g} s."
        if own is not None and device is not None and not device / FASTER <= own <= device * SLOWER:
            yield f"To the exit of stage {exit_.stage} it takes {own:g} s, and the same part of it at cut {cut} {device:g} s."


def _over_dense(record: Record, last: float) -> Iterator[str]:
    """The last exit's ratio to the fastest dense way is about what that way's seconds in the note give."""
    ratio, rows = _steady(record.exits[-1].readings, FASTEST), record.notes.get(DENSE_WAYS, [])
    taken = [row.get("seconds") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    seconds = [one for one in taken if isinstance(one, int | float)]
    if ratio is None or not seconds:
        return
    noted = min(seconds) / last
    if not noted / OVER_DENSE <= ratio <= noted * OVER_DENSE:
        yield (
            f"It says that it is {ratio:g} x as fast as the fastest dense way, and by the seconds of its note of dense ways it is "
            f"{noted:g} x."
        )


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


def _steady(readings: Mapping[str, Reading], name: str) -> float | None:
    """The value of an undisturbed reading; None where there is none."""
    return readings[name].value if name in readings and readings[name].is_reliable else None
