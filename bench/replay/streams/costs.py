"""Real costs of a stream's arms: what the record of the run measured of its exits, and of what crosses behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bench.errors import SeesawError
from bench.kinds.meter import Reading
from bench.plugins.spec import near
from bench.records.record import Record
from bench.replay.streams.entrants import numbers
from bench.replay.streams.recording import of_run, run_of
from bench.replay.streams.stream import rising
from bench.replay.trace import Trace


def named(text: str) -> bool:
    """Whether an option names a reading: one word, and no number such as nan."""
    try:
        float(text or 0)
    except ValueError:
        return ":" not in text
    return False


@dataclass(frozen=True)
class Priced:
    """What leaving at an exit costs, as it was asked for.

    Attributes:
        depths: for a stream's arms: `layers`, `measured`, or a number for each exit.
        costs: of each exit in `unit`, for policies that decide for each sample by itself; None where those that the trace
            holds are meant.
        unit: of those costs, in words.
        note: what else one must know of them; empty where there is nothing.
    """

    depths: str | list[float]
    costs: list[float] | None
    unit: str
    note: str = ""

    def of(self, trace: Trace) -> Trace:
        """A trace with these costs in place of its own."""
        return (
            trace
            if self.costs is None
            else replace(trace, costs=torch.tensor(self.costs, dtype=torch.float64))
        )


def priced(text: str | None, traces: Sequence[Path], records: Path, exits: int) -> Priced:
    """Read what exits cost.

    Args:
        text: `layers`, `measured`, numbers joined by colons, or the name of a reading of the run's record; where left out
            a stream's depth is counted in layers, and single samples are charged what the trace holds.
        traces: of one network.
        records: folder of the runs' records.
        exits: how many there are.

    Raises:
        SeesawError: neither a reading of every exit nor numbers, or readings that do not rise.
    """
    if text is None or text == "measured":
        return Priced(text or "layers", None, "MACs" if of_run(traces[0]) else "what the file says they cost")
    if text == "layers":
        return Priced(text, [float(number + 1) for number in range(exits)], "layers")
    if not named(text):
        told = numbers(text, "--costs", "; or say layers, measured, latency, energy.MODEL")
        return Priced(told, told, "the numbers given")
    return _by_reading(traces, records, text)


def _by_reading(traces: Sequence[Path], records: Path, name: str) -> Priced:
    """Costs by a reading (`latency`, `energy.NAME`, `macs`) of the first one's record; on a stream the last as many as exits."""
    run = _run(traces[0], records, name, "--costs", "layers, measured, or numbers joined by colons: 1:2.5:4")
    there = set.intersection(*(set(exit_.readings) for exit_ in run.exits))
    if name not in there:
        able = sorted(key for key in there if key.split(".")[0] in ("latency", "energy", "macs", "memory"))
        raise SeesawError(
            f"Not every exit of {run.setup.model} has a reading {name!r}{near(name, able)} "
            f"Choose layers, measured, numbers, or one of {', '.join(able)}."
        )
    readings = [exit_.readings[name] for exit_ in run.exits]
    found, told = level(readings), [one.value for one in readings]
    if not rising(np.array(found), len(found)):
        raise SeesawError(
            f"By {name} a later exit of {run.setup.model} costs less than an earlier one ({told}), by more than their spreads. "
            "Choose other costs."
        )
    note = f"By {name} later exits cost less than earlier ones ({told}), by no more than their spreads: they count as equal."
    depths = [cost / found[-1] * len(found) for cost in found]
    return Priced(depths, found, f"{name} in {readings[0].unit}", "" if found == told else note)


def depths_of(traces: Sequence[Path], records: Path, name: str) -> list[float]:
    """What leaving at each exit costs by a reading, as the arms of a stream have it: the last as many as exits."""
    return [float(depth) for depth in _by_reading(traces, records, name).depths]


def level(readings: Sequence[Reading]) -> list[float]:
    """Their values, each raised to the largest one before where their quartiles meet, so that only noise parts them."""
    found, most = [], readings[0]
    for one in readings:
        high, low = (
            (one.value if one.high is None else one.high),
            (most.value if most.low is None else most.low),
        )
        if one.value > most.value:
            most = one
        found.append(most.value if high >= low else one.value)
    return found


def sends_of(traces: Sequence[Path], records: Path, name: str, arms: str) -> list[float]:
    """What sending costs at each arm by a payload (`payload.CODEC`), as a share of what sending the input costs.

    Args:
        traces: of runs of one network; the first one's record counts.
        records: folder of the runs' records.
        name: of a reading of the cuts between stages, in bytes: `payload.CODEC` or `framed.CODEC`.
        arms: `exits` or `cuts`; behind an exit the cut after its stage is sent, and nothing behind the last.

    Raises:
        SeesawError: a run without a record, or cuts without this reading.
    """
    run = _run(traces[0], records, name, "--sends", "numbers joined by colons: 1:0.5:0.25")
    inner = [run.cuts[exit_.stage + 1] for exit_ in run.exits[:-1]]
    kind = name.partition(".")[0]
    entry = [one.value for key, one in run.cuts[0].readings.items() if key.startswith(f"{kind}.")]
    if kind not in ("payload", "framed") or not entry or any(name not in cut.readings for cut in inner):
        able = sorted(key for key in _common(run) if key.split(".")[0] in ("payload", "framed"))
        raise SeesawError(
            f"Not every cut of {run.setup.model} has bytes by {name!r}{near(name, able)} "
            f"Give numbers, or one of {', '.join(able) or 'none that was measured'}."
        )
    shares = [cut.readings[name].value / min(entry) for cut in inner]
    return [1.0, *shares, 0.0] if arms == "cuts" else [*shares, 0.0]


def _run(path: Path, records: Path, name: str, option: str, instead: str) -> Record:
    """The record that has a reading, if any has."""
    if not of_run(path):
        raise SeesawError(
            f"{option} {name!r}: readings are in the records of runs, and {path} is no run's folder, nor the test trace in "
            f"one. Give {instead}."
        )
    return run_of(path, records)


def _common(run: Record) -> set[str]:
    inner = [set(cut.readings) for cut in run.cuts[1:-1]]
    return set.intersection(*inner) if inner else set()
