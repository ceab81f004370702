"""What exits and sending cost on a stream, as the options of a replay say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench.errors import SeesawError
from bench.records import costs
from bench.records.record import Record
from bench.records.store import Store, is_run
from bench.replay.streams.entrants import numbers
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


def priced(text: str | None, traces: Sequence[Path], store: Store, exits: int) -> Priced:
    """Read what exits cost.

    Args:
        text: `layers`, `measured`, numbers joined by colons, or the name of a reading of the run's record; where left out
            a stream's depth is counted in layers, and single samples are charged what the trace holds.
        traces: of one network.
        store: of the runs' records.
        exits: how many there are.

    Raises:
        SeesawError: neither a reading of every exit nor numbers, or readings that do not rise.
    """
    if text is None or text == "measured":
        return Priced(text or "layers", None, "MACs" if is_run(traces[0]) else "what the file says they cost")
    if text == "layers":
        return Priced(text, [float(number + 1) for number in range(exits)], "layers")
    if not named(text):
        given = numbers(text, "--costs", "; or say layers, measured, latency, energy.MODEL")
        return Priced(given, given, "the numbers given")
    run = _run(traces[0], store, text, "--costs", "layers, measured, or numbers joined by colons: 1:2.5:4")
    by = costs.exit_costs(run, text)
    note = (
        f"By {text} later exits cost less than earlier ones ({by.measured}), by no more than their spreads: they count as "
        "equal."
    )
    return Priced(by.depths, by.values, f"{text} in {by.unit}", "" if by.values == by.measured else note)


def sends_of(text: str, traces: Sequence[Path], store: Store, arms: str) -> list[float]:
    """What sending costs at each arm, as a multiple of the setting `offload`.

    Args:
        text: numbers joined by colons, or the name of a reading of the cuts of the first run's record.
        traces: of one network.
        store: of the runs' records.
        arms: `exits` or `cuts`.

    Raises:
        SeesawError: neither a reading of every cut nor numbers.
    """
    if not named(text):
        return numbers(text, "--sends", "; or say payload.CODEC")
    run = _run(traces[0], store, text, "--sends", "numbers joined by colons: 1:0.5:0.25")
    return costs.sends_of(run, text, arms)


def _run(trace: Path, store: Store, name: str, option: str, instead: str) -> Record:
    """The record that has a reading, if any has."""
    if not is_run(trace):
        raise SeesawError(
            f"{option} {name!r}: readings are in the records of runs, and {trace} is no run's folder, nor the test trace in "
            f"one. Give {instead}."
        )
    return store.run_of(trace)
