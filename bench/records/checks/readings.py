"""Checks of a record's readings: each by itself, and beside the others of its name."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bench.records.checks.parts import same, samples_of, value, whole
from bench.records.energy_model import SPIKES, modelled_spikes
from bench.records.notes import DENSE_WAYS, FASTEST
from bench.records.reading import AT_BOUND, COLDEST, HOTTEST, LEAST_SENT, Reading, Readings

if TYPE_CHECKING:
    from bench.records.record import Record

UNITS = {
    **dict.fromkeys(
        ("top1", "top5", "agree", "calibration", "density", "ece", "overthinking", "underthinking"), "share"
    ),
    **dict.fromkeys(("payload", "framed", "volume", "bytes", "memory", "flash", "ram"), "B"),
    "macs": "MAC",
    "spikes": "one",
    "synops": "one",
    "parameters": "one",
    "temperature": "one",
    "latency": "s",
    "routing": "s",
    "energy": "J",
    "instructions": "instruction",
    "training": "x",
    "speedup": "x",
}
"""The unit of a reading, by the first part of its name."""
SPREAD = ("payload", "framed", "latency", "routing", "training", "speedup", "instructions")
"""First parts of the names of readings that have quartiles, and a number of measurements."""
COUNTED = ("top1", "top5", "agree", "volume", "calibration", "density", "overthinking", "underthinking")
"""First parts of the names of readings that are shares, or means, of so many samples or weights."""
WHOLE = ("bytes", "memory", "parameters", "flash", "ram")
"""First parts of the names of readings that are whole numbers."""
BOARD_COSTS = ("flash", "ram", "instructions")
"""First parts of the names of readings of generated code, which go on with the name of a board."""
TOLERATED = 0.02
"""The share by which two counters of MACs may differ without a note."""
TICK = 1e-4
"""The share, and the seconds, by which the processor's clock may be coarser than the wall's."""
METERS = {"macs": "macs", "memory": "memory", "storage": "bytes.dense", "latency": "latency"}
"""By the name of a meter, a reading that it gives every exit."""


def reading_faults(record: Record) -> Iterator[str]:
    """A sentence for each reading that its name, its own numbers, or readings beside it contradict."""
    for place, readings in record.places():
        for name, reading in readings.items():
            for faults in (_number(name, reading), _form(name, reading), _source(name, reading, record)):
                for fault in faults:
                    yield f"{name} of {place} {fault}"
        yield from _samples(record, place, readings)
        yield from _spikes(place, readings)
    yield from _alike(record)
    yield from _meters(record)
    yield from _second_count(record)
    yield from _dense_ways(record)


def _spikes(place: str, readings: Readings) -> Iterator[str]:
    """The modelled energy of a spiking network is that of its additions and MACs."""
    joules, additions, macs = (
        value(readings, name) for name in (f"energy.{SPIKES}", "synops", "macs.analog")
    )
    if joules is None:
        return
    if additions is None or macs is None or not same(joules, modelled_spikes(additions, macs)):
        yield f"The modelled energy of the spikes of {place} is not that of its synaptic operations and analog MACs."


def _number(name: str, r: Reading) -> Iterator[str]:
    if r.value < 0:
        yield "is negative."
    if (r.low is not None and r.low > r.value) or (r.high is not None and r.high < r.value):
        yield "does not lie between its own quartiles."
    kind = _kind(name)
    if (unit := UNITS.get(kind, r.unit)) != r.unit:
        yield f"is in {r.unit}, and should be in {unit}."
    behind_a_cut = kind in ("top1", "top5") and kind != name  # may be of a part of the split: checks/cuts.py
    if r.unit == "share" and not (r.value <= 1 and (r.n is None or behind_a_cut or whole(r.value * r.n))):
        yield f", {r.value!r}, is no share of {r.n} samples."
    if kind in WHOLE and not whole(r.value):
        yield f"is {r.value}, which is no whole number."
    if r.processor is not None or r.disturbed is not None:
        yield from _disturbance(r)
    if name == "training.overhead" and not _between(r):
        yield "is not the one that the dense network's slow and fast steps give."
    if name == "temperature":
        at_bound = r.value in (COLDEST, HOTTEST)
        if not COLDEST <= r.value <= HOTTEST or at_bound != r.source.endswith(AT_BOUND):
            yield f"is {r.value}, which its search cannot have given."


def _disturbance(r: Reading) -> Iterator[str]:
    """Whether a time says how it was disturbed, and no more computing than it took."""
    if r.processor is not None and not 0 <= r.processor <= (r.high or r.value) * (1 + TICK) + TICK:
        yield f"took the processor {r.processor} s, longer than it lasted."
    if r.disturbed is not None and not 0 <= r.disturbed <= (r.n or 0):
        yield f"was disturbed in {r.disturbed} of {r.n} timings."
    if (r.unit not in ("s", "x") and r.disturbed is not None) or (r.unit != "s" and r.processor is not None):
        yield "is no time, and tells of a processor's or of a disturbance."
    if r.disturbed is None and r.processor is not None:
        yield "tells its own time, and not whether it was disturbed."


def _between(r: Reading) -> bool:
    """Whether a time over the mean of two others is the harmonic mean of what it is over each of them."""
    return not r.low or not r.high or same(r.value, 2 / (1 / r.low + 1 / r.high))


def _form(name: str, r: Reading) -> Iterator[str]:
    """Whether quartiles and a number of measurements are there exactly where a reading has them."""
    kind = _kind(name)
    if (r.low is None) != (r.high is None):
        yield "has one quartile, and not the other."
    if kind not in UNITS:
        return
    has_spread = kind in SPREAD or (kind == "energy" and not r.source.startswith("model"))
    if has_spread != (r.low is not None):
        yield f"{'lacks its' if has_spread else 'has'} quartiles."
    if (has_spread or kind in COUNTED) != (r.n is not None) or (r.n is not None and r.n < 1):
        yield f"cannot be of {r.n} measurements or samples."


def _source(name: str, r: Reading, record: Record) -> Iterator[str]:
    kind, _, rest = name.partition(".")
    source = r.source
    if kind in ("payload", "framed") or (rest and kind in ("top1", "top5", "agree", "volume")):
        source = f"codec {rest}, test split"
    elif rest and kind == "energy":
        source = f"modelled, {rest}"
    if source != r.source:
        yield f"comes from {r.source!r}, and should come from {source!r}."
    threads = re.search(r"\bcpu, (\d+) threads", r.source) if "cpu, " in r.source else None
    if threads and record.timing_threads not in (None, int(threads[1])):
        yield f"was timed with {threads[1]} threads, and its machine had {record.timing_threads} for timings."


def _samples(record: Record, place: str, readings: Readings) -> Iterator[str]:
    """Shares are of the whole test split, or of those that crossed; these are counted with their frames and accuracies."""
    count = samples_of(record.exits)
    sent = {name.removeprefix("payload."): r.n for name, r in readings.items() if name.startswith("payload.")}
    for name, r in readings.items():
        wanted = sent.get(name.partition(".")[2], count)
        if (
            _kind(name)
            in ("top1", "top5", "agree", "volume", "payload", "framed", "overthinking", "underthinking")
            and r.n != wanted
        ):
            yield f"{name} of {place} is of {r.n} samples, and others are of {wanted}."
    for codec, n in sent.items():
        if n is not None and not min(count, LEAST_SENT) <= n <= count:
            yield f"{n} samples crossed with {codec} at {place}, and the test split has {count}."
        if not {f"framed.{codec}", f"top1.{codec}", f"top5.{codec}"} <= readings.keys():
            yield f"{place} says what crosses with {codec}, and not its framed bytes and accuracy."
    for name in [name for name in readings if _kind(name) == "top1"]:
        top5 = value(readings, name.replace("top1", "top5", 1))
        if top5 is not None and readings[name].value > top5:
            yield f"{name} of {place} is higher than its top-5 accuracy."


def _alike(record: Record) -> Iterator[str]:
    """Readings of one name were taken in one way, and times in the same rounds."""
    sources: dict[str, set[str]] = defaultdict(set)
    rounds: dict[str, set[int | None]] = defaultdict(set)
    for place, readings in record.places():
        on_walks = place.startswith("walks ")
        for name, r in readings.items():
            whole_name = "bytes" if _kind(name) == "bytes" else _whole_name(name)
            if _kind(name) in UNITS and not on_walks:
                sources[whole_name].add(r.source.removesuffix(AT_BOUND))
            if _kind(name) in ("latency", "speedup", "routing", "calibration") and r.disturbed is None:
                kind = "calibration" if _kind(name) == "calibration" else "walks" if on_walks else "latency"
                rounds[kind].add(r.n)
    for name, found in sources.items():
        if len(found) > 1:
            yield f"Its readings {name} come from several sources: {'; '.join(sorted(found))}."
    for kind, numbers in rounds.items():
        if len(numbers) > 1:
            yield f"Its readings of {kind} are of different numbers of measurements or samples."


def _meters(record: Record) -> Iterator[str]:
    """A meter that was requested gave its reading of every exit, or the reason is noted; no other meter gave any."""
    chosen = {meter.name: meter.settings for meter in record.setup.meters}
    for meter, name in METERS.items():
        exits = [name in exit_.readings for exit_ in record.exits]
        if name not in record.absent and set(exits) != {meter in chosen}:
            yield f"Its readings {name} do not fit its meters, {', '.join(chosen) or 'none'}."
    yield from _boards(record, chosen.get("c"))
    latencies = [e.readings["latency"] for e in record.exits if "latency" in e.readings]
    batch, rounds = (chosen.get("latency", {}).get(key) for key in ("batch", "rounds"))
    for one in latencies:
        if f"batch {batch}" not in one.source.split(", ") or (
            one.disturbed is None and (one.n or 0) > int(rounds or 0)
        ):
            yield f"Its latency comes from {one.source!r} in {one.n} rounds, and its meter has other settings."
    disturbed = record.notes.get("rounds timed on a disturbed machine")
    if latencies and disturbed is not None and not 0 <= disturbed <= (latencies[0].n or 0):
        yield f"{disturbed} rounds were disturbed, of {latencies[0].n} in all."
    for name in record.absent:
        if any(name in readings for _, readings in record.places()):
            yield f"It has the reading {name}, and a reason why it has none."


def _boards(record: Record, settings: dict[str, Any] | None) -> Iterator[str]:
    """Every exit and device part has what its code takes of the boards that the meter was asked for, or a reason is noted."""
    boards = [] if settings is None else settings.get("boards", [])
    names = {f"{cost}.{board}" for cost in BOARD_COSTS for board in boards} - record.absent.keys()
    places = [(f"exit {n}", "", exit_.readings) for n, exit_ in enumerate(record.exits)]
    places += [(f"cut {n}", ".device", cut.readings) for n, cut in enumerate(record.cuts) if n]
    before: dict[str, Reading] = {}
    for place, side, readings in places:
        own = {name.removesuffix(side): r for name, r in readings.items() if _kind(name) in BOARD_COSTS}
        if own.keys() != names:
            yield f"The code of {place} is measured for {', '.join(sorted(own)) or 'no board'}, which does not fit its meters."
        for name, r in own.items():
            if _kind(name) == "instructions" and r.n != (settings or {}).get("samples"):
                yield f"{name} of {place} are of {r.n} samples, and its meter has another number."
            if (
                side == ""
                and (one := before.get(name)) is not None
                and r.value < one.value
                and _kind(name) != "ram"
            ):
                yield f"{name} of {place} is less than that of the exit before."
        before = own


def _second_count(record: Record) -> Iterator[str]:
    """The second counter's number is near the first's, or a note has both."""
    second = value(record.net, "macs.fvcore")
    first = value(record.exits[-1].readings, "macs") if record.exits else None
    note = record.notes.get("counters differ")
    if second is None or first is None:
        return
    difference = abs(second - first) / first if first else math.inf
    if (difference > TOLERATED) != (note is not None):
        yield f"Its counters of MACs say {first:g} and {second:g}, and {'no' if note is None else 'a'} note says that they differ."
    elif note is not None and (
        not all(one in note.values() for one in (first, second))
        or note.get("share") != (round(difference, 4) if first else None)
    ):
        yield "Its note of counters that differ has other numbers than its readings."


def _dense_ways(record: Record) -> Iterator[str]:
    """The way that a speedup is over is the fastest of those that the note of dense ways has."""
    ratios = [exit_.readings[FASTEST] for exit_ in record.exits if FASTEST in exit_.readings]
    rows = record.notes.get(DENSE_WAYS)
    if rows is None:
        if ratios:
            yield f"It has the reading {FASTEST}, and no note of its dense ways."
        return
    seconds: dict[str, float] = {}
    for row in rows if isinstance(rows, list) else [rows]:
        own = row if isinstance(row, dict) else {}
        way, taken, reason = own.get("way"), own.get("seconds"), own.get("reason")
        if (
            isinstance(way, str)
            and reason is None
            and isinstance(taken, int | float)
            and 0 < taken < math.inf
        ):
            seconds[way] = taken
        elif not (isinstance(way, str) and isinstance(reason, str) and taken is None):
            yield "Its note of dense ways has a row with neither seconds nor a reason."
    fastest = min(seconds, key=seconds.__getitem__, default="")
    if any(f"({fastest})" not in ratio.source for ratio in ratios):
        yield f"Its reading {FASTEST} is not over {fastest or 'any way'}, the fastest of its note of dense ways."


def _whole_name(name: str) -> str:
    """A reading's name without the part of the network that it is of."""
    for part in (".device", ".server", ".head"):
        if name.endswith(part):
            return name.removesuffix(part)
    return name


@lru_cache(maxsize=4096)
def _kind(name: str) -> str:
    return name.partition(".")[0]
