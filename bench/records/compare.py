"""Two records beside each other: what differs, and whether a run again gives the numbers that were told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.kinds.meter import Reading
from bench.records.checks.run import SAME, places
from bench.records.record import Record

CLOCKED = ("s", "J", "x")
"""Units of what another machine may lack or give otherwise."""


@dataclass(frozen=True)
class Compared:
    """One number of a record and of its run again."""

    name: str
    told: float | None
    found: float | None
    allowed: float | None
    """the largest difference that is no contradiction; None where the two cannot be compared"""
    timed: bool = False
    """whether a clock or a sensor gave it, so that a busy machine explains a difference"""

    @property
    def agrees(self) -> bool:
        """Whether the two may both be true."""
        if self.allowed is None:
            return True
        if self.told is None or self.found is None:
            return False
        return abs(self.told - self.found) <= self.allowed


def compare(told: Record, found: Record) -> list[Compared]:
    """Every number of a record beside that of its run again, which says what is allowed.

    Counts must be the same. Accuracies must agree on the same machine with the same versions; elsewhere, within
    three standard errors of the difference of two samples. Times and measured energies are compared on the same
    machine, within twice the distance of the quartiles that were found, at least half the value; where it was told to
    be slower than found, also within twice the distance that was told.
    """
    same = _same_machine(told, found) and told.versions == found.versions
    rows: list[Compared] = []
    theirs = dict(places(found))
    for place, readings in places(told):
        for name, r in readings.items():
            other = theirs.get(place, {}).get(name)
            alike = other is not None and other.unit == r.unit and (r.unit != "share" or other.n == r.n)
            if other is not None and alike:
                allowed = _allowed(r, other, same_machine=_same_machine(told, found), same=same)
            else:  # a clock or a sensor may be missing here; a count may not
                allowed = None if other is None and r.unit in CLOCKED else 0.0
            again = other.value if other and alike else None
            rows.append(Compared(f"{place}: {name}", r.value, again, allowed, _clocked(r.unit, r.source)))
    there = dict(counts(found))
    for name, value in counts(told):
        share = name.startswith("curve") and not name.endswith("macs")
        allowed = SAME * max(1.0, abs(value)) if same else 0.1 if share else 0.1 * abs(value)
        rows.append(Compared(name, value, there.get(name), allowed))
    return rows


def counts(record: Record) -> Iterator[tuple[str, float]]:
    """What a record says beside its readings that running it again must give: by name."""
    yield "budget", record.budget
    yield "steps", float(sum(row.steps for row in record.training))
    for layer in record.layers:
        yield f"density of {layer.name}", layer.density
        yield f"weights of {layer.name}", float(math.prod(layer.shape))
    for cut in record.cuts:
        yield f"numbers that cross cut {cut.before}", float(math.prod(cut.shape))
    for curve in record.curves:
        for number, point in enumerate(curve.outcomes):
            name = f"curve {curve.policy}, point {number}"
            yield f"{name}: accuracy", point.accuracy
            yield f"{name}: macs", point.macs
            for exit_, share in enumerate(point.shares):
                yield f"{name}: share of exit {exit_}", share


def _same_machine(told: Record, found: Record) -> bool:
    return all(
        told.machine.get(key) == found.machine.get(key) for key in ("processor", "threads", "accelerator")
    )


def _allowed(told: Reading, r: Reading, *, same_machine: bool, same: bool) -> float | None:
    if r.unit == "share":
        if same:
            return SAME
        p, n = min(max(r.value, 0.05), 0.95), r.n or 1000
        return 3 * math.sqrt(2 * p * (1 - p) / n) + 0.01
    if _clocked(r.unit, r.source):
        if not same_machine:
            return None
        own = max(2 * _spread(r), 0.5 * r.value)
        # who claims to be faster cannot help it by stating a wide spread
        return own if told.value < r.value else max(own, min(2 * _spread(told), told.value))
    return 0.0 if same else abs(r.value) * 1e-6 if r.unit == "MAC" else abs(r.value) * 0.1


def _spread(r: Reading) -> float:
    return r.high - r.low if r.high is not None and r.low is not None else 0.0


def untimed(record: Record) -> dict[str, Any]:
    """A record as JSON values without what clocks, sensors and calendars put in: the same for the same seed and machine."""
    told = record.model_dump(mode="json")
    for key in ("seconds", "created", "checksum", "commit", "dirty"):
        del told[key]
    for epoch in told["training"]:
        del epoch["seconds"]
    places = [told["net"], *(part["readings"] for part in (*told["exits"], *told["cuts"]))]
    for readings in places:
        for name in [name for name, r in readings.items() if _clocked(r["unit"], r["source"])]:
            del readings[name]
    return told


def _clocked(unit: str, source: str) -> bool:
    return unit in CLOCKED and not source.startswith("model")


def settings(record: Record) -> dict[str, Any]:
    """What a record says beside its readings, as JSON values."""
    keys = {"seed", "budget", "setup", "machine", "versions", "commit", "dirty"}
    return record.model_dump(mode="json", include=keys)


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What JSON values differ in: name and both values, `-` where one has none."""
    flat = [dict(_flat(dict(told))) for told in (one, other)]
    return [
        (name, flat[0].get(name, "-"), flat[1].get(name, "-"))
        for name in dict.fromkeys([*flat[0], *flat[1]])
        if flat[0].get(name, "-") != flat[1].get(name, "-")
    ]


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{place}.{number}")
    else:
        yield place, value
