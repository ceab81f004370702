"""Costs of a stream's arms by a reading of the run's record: of leaving at exits, and of sending."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.errors import SeesawError
from bench.plugins.spec import near
from bench.records.reading import Reading
from bench.records.record import Record
from bench.records.terms import rising


class ExitCosts(NamedTuple):
    """The cost of leaving at each exit, by one reading.

    Attributes:
        values: of each exit, made never to fall (`level`).
        measured: of each exit, as measured.
        unit: of both.
    """

    values: list[float]
    measured: list[float]
    unit: str

    @property
    def depths(self) -> list[float]:
        """The values as a stream counts depth: scaled so that the last exit's is the number of exits."""
        return [cost / self.values[-1] * len(self.values) for cost in self.values]


def exit_costs(run: Record, name: str) -> ExitCosts:
    """Costs by a reading (`latency`, `energy.NAME`, `macs`) that every exit of a run has.

    Raises:
        SeesawError: not every exit has it, or a later exit costs less by more than the spreads.
    """
    common = set.intersection(*(set(exit_.readings) for exit_ in run.exits))
    if name not in common:
        choices = sorted(
            key for key in common if key.split(".")[0] in ("latency", "energy", "macs", "memory")
        )
        raise SeesawError(
            f"Not every exit of {run.setup.model} has a reading {name!r}{near(name, choices)} "
            f"Choose layers, measured, numbers, or one of {', '.join(choices)}."
        )
    readings = [exit_.readings[name] for exit_ in run.exits]
    costs = ExitCosts(level(readings), [one.value for one in readings], readings[0].unit)
    if not rising(np.array(costs.values), len(costs.values)):
        raise SeesawError(
            f"By {name} a later exit of {run.setup.model} costs less than an earlier one ({costs.measured}), by more than "
            "their spreads. Choose other costs."
        )
    return costs


def depths_of(run: Record, name: str) -> list[float]:
    """The cost of leaving at each exit by a reading, as a stream counts depth."""
    return exit_costs(run, name).depths


def level(readings: Sequence[Reading]) -> list[float]:
    """The readings' values, each raised to the largest before it where the quartiles of both meet."""
    values, most = [], readings[0]
    for one in readings:
        high = one.value if one.high is None else one.high
        low = most.value if most.low is None else most.low
        if one.value > most.value:
            most = one
        values.append(most.value if high >= low else one.value)
    return values


def sends_of(run: Record, name: str, arms: str) -> list[float]:
    """The bytes sent at each arm by a reading, as a share of the fewest that the input takes.

    Args:
        run: the record whose cuts are read.
        name: of a reading of the cuts between stages, in bytes: `payload.CODEC` or `framed.CODEC`.
        arms: `exits` or `cuts`; behind an exit, the cut after its stage is sent; behind the last, nothing.

    Raises:
        SeesawError: a cut lacks the reading.
    """
    inner = [run.cuts[exit_.stage + 1] for exit_ in run.exits[:-1]]
    kind = name.partition(".")[0]
    entry = [one.value for key, one in run.cuts[0].readings.items() if key.startswith(f"{kind}.")]
    if kind not in ("payload", "framed") or not entry or any(name not in cut.readings for cut in inner):
        choices = sorted(key for key in _common(run) if key.split(".")[0] in ("payload", "framed"))
        raise SeesawError(
            f"Not every cut of {run.setup.model} has bytes by {name!r}{near(name, choices)} "
            f"Give numbers, or one of {', '.join(choices) or 'none that was measured'}."
        )
    shares = [cut.readings[name].value / min(entry) for cut in inner]
    return [1.0, *shares, 0.0] if arms == "cuts" else [*shares, 0.0]


def _common(run: Record) -> set[str]:
    """The readings that all cuts between stages have."""
    inner = [set(cut.readings) for cut in run.cuts[1:-1]]
    return set.intersection(*inner) if inner else set()
