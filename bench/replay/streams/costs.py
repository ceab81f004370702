"""Costs of exits and of sending on a stream, as the options of a replay give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench.errors import SeesawError
from bench.records import costs
from bench.records.record import Record
from bench.records.run_files import RunFiles
from bench.records.store import Store
from bench.replay.streams.entrants import numbers
from bench.replay.trace import Trace


def names_reading(text: str) -> bool:
    """Whether an option is the name of a reading: one word, and no number (nan is one)."""
    try:
        float(text or 0)
    except ValueError:
        return ":" not in text
    return False


@dataclass(frozen=True)
class Priced:
    """The costs of leaving at each exit, from the option `--costs`.

    Attributes:
        depths: for a stream's arms: `layers`, `measured`, or a number for each exit.
        costs: of each exit in `unit`, for policies that decide for each sample by itself; None stands for the
            trace's own.
        unit: of these costs, in words.
        note: a warning about them; empty where there is none.
    """

    depths: str | list[float]
    costs: list[float] | None
    unit: str
    note: str = ""

    def of(self, trace: Trace) -> Trace:
        """The trace with these costs in place of its own."""
        return (
            trace
            if self.costs is None
            else replace(trace, costs=torch.tensor(self.costs, dtype=torch.float64))
        )


def priced(text: str | None, traces: Sequence[Path], store: Store, exits: int) -> Priced:
    """Read the option `--costs`.

    Args:
        text: `layers`, `measured`, numbers joined by colons, or the name of a reading of the run's record;
            where left out, a stream's depth is in layers, and single samples are charged the trace's costs.
        traces: files of one network.
        store: the store of the runs' records.
        exits: the number of exits.

    Raises:
        SeesawError: neither a reading of every exit nor numbers, or readings that do not rise.
    """
    if text is None or text == "measured":
        return Priced(
            text or "layers",
            None,
            "what the file says they cost" if RunFiles.at(traces[0]) is None else "MACs",
        )
    if text == "layers":
        return Priced(text, [float(number + 1) for number in range(exits)], "layers")
    if not names_reading(text):
        values = numbers(text, "--costs", "; or say layers, measured, latency, energy.MODEL")
        return Priced(values, values, "the numbers given")
    run = _run(traces[0], store, text, "--costs", "layers, measured, or numbers joined by colons: 1:2.5:4")
    reading = costs.exit_costs(run, text)
    note = (
        f"By {text} later exits cost less than earlier ones ({reading.measured}), by no more than their spreads: they count as "
        "equal."
    )
    return Priced(
        reading.depths,
        reading.values,
        f"{text} in {reading.unit}",
        "" if reading.values == reading.measured else note,
    )


def sends_of(text: str, traces: Sequence[Path], store: Store, arms: str) -> list[float]:
    """The cost of sending at each arm, as a multiple of the setting `offload`.

    Args:
        text: numbers joined by colons, or the name of a reading of the cuts of the first run's record.
        traces: files of one network.
        store: the store of the runs' records.
        arms: `exits` or `cuts`.

    Raises:
        SeesawError: neither a reading of every cut nor numbers.
    """
    if not names_reading(text):
        return numbers(text, "--sends", "; or say payload.CODEC")
    run = _run(traces[0], store, text, "--sends", "numbers joined by colons: 1:0.5:0.25")
    return costs.sends_of(run, text, arms)


def _run(trace: Path, store: Store, name: str, option: str, instead: str) -> Record:
    """The record of a trace's run, for an option that names one of its readings.

    Raises:
        SeesawError: the trace is no run's, or its run has no record.
    """
    if RunFiles.at(trace) is None:
        raise SeesawError(
            f"{option} {name!r}: readings are in the records of runs, and {trace} is no run's folder, nor the test trace in "
            f"one. Give {instead}."
        )
    return store.run_of(trace)
