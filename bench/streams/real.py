"""Real costs of a stream's arms: what the record of the run measured of its exits, and of what crosses behind them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.errors import SeesawError
from bench.record import Record
from bench.spec import near
from bench.streams.made import of_run, run_of


def named(text: str) -> bool:
    """Whether an option names a reading: one word, and no number such as nan."""
    try:
        float(text or 0)
    except ValueError:
        return ":" not in text
    return False


def depths_of(traces: Sequence[Path], records: Path, name: str) -> list[float]:
    """What leaving at each exit costs by a reading (`latency`, `energy.NAME`, `macs`), the last as many as exits.

    Args:
        traces: of runs of one network; the first one's record counts.
        records: folder of the runs' records.
        name: of a reading that every exit has.

    Raises:
        SeesawError: a run without a record, or exits without this reading, or whose costs do not rise.
    """
    run = _run(traces[0], records, name, "--costs", "layers, measured, or numbers joined by colons: 1:2.5:4")
    there = set.intersection(*(set(exit_.readings) for exit_ in run.exits))
    if name not in there:
        able = sorted(key for key in there if key.split(".")[0] in ("latency", "energy", "macs", "memory"))
        raise SeesawError(
            f"Not every exit of {run.setup.model} has a reading {name!r}{near(name, able)} "
            f"Choose layers, measured, numbers, or one of {', '.join(able)}."
        )
    found = [exit_.readings[name].value for exit_ in run.exits]
    if any(late <= early for early, late in zip([0.0, *found], found, strict=False)):
        raise SeesawError(
            f"By {name} a later exit of {run.setup.model} costs no more than an earlier one ({found}). Choose other costs."
        )
    return [cost / found[-1] * len(found) for cost in found]


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
