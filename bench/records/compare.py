"""Comparison of two files of one kind: their differences, and those allowed in a file made again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.records.reading import Reading

if TYPE_CHECKING:
    from bench.records.record import Record

CLOCKED = ("s", "J", "x")
"""Units of readings that another machine may lack, or give other values of."""
SAME = 1e-6
"""Numbers that differ by less differ by rounding: shares by so much, larger numbers by this share of them."""


@dataclass(frozen=True)
class Compared:
    """One number of a file, and of the same file made again.

    Attributes:
        name: of the number.
        recorded: in the file; None where it lacks the number.
        again: in the file made again; None where that lacks the number.
        allowed: the largest difference that is no contradiction; None where the two cannot be compared.
        timed: whether a clock or a sensor gave it, so that a busy machine explains a difference.
    """

    name: str
    recorded: float | None
    again: float | None
    allowed: float | None
    timed: bool = False

    @property
    def agrees(self) -> bool:
        """Whether the two differ by no more than is allowed, or cannot be compared."""
        if self.allowed is None:
            return True
        if self.recorded is None or self.again is None:
            return False
        return abs(self.recorded - self.again) <= self.allowed


@dataclass(frozen=True)
class Rerun:
    """The differences that are allowed between a record and the record of its run again.

    Attributes:
        same_machine: whether both ran on the same processor with as many threads, and the same accelerator.
        same: whether the versions of the software are the same as well.
    """

    same_machine: bool
    same: bool

    @classmethod
    def of(cls, record: Record, again: Record) -> Rerun:
        """The conditions under which two records were made."""
        keys = ("processor", "threads", "accelerator")
        machine = all(record.machine.get(key) == again.machine.get(key) for key in keys)
        return cls(machine, machine and record.versions == again.versions)

    def reading(self, name: str, recorded: Reading, again: Reading | None) -> Compared:
        """One reading beside the other, which may be missing where its unit is one of `CLOCKED`."""
        timed = clocked(recorded.unit, recorded.source)
        if again is None:
            return Compared(name, recorded.value, None, None if recorded.unit in CLOCKED else 0.0, timed)
        if again.unit != recorded.unit or (recorded.unit == "share" and again.n != recorded.n):
            return Compared(name, recorded.value, None, 0.0, timed)
        return Compared(name, recorded.value, again.value, self._allowed(recorded, again), timed)

    def count(self, name: str, recorded: float, again: float | None) -> Compared:
        """One number that no clock gave, beside the other."""
        share = name.startswith("curve") and not name.endswith("macs")
        rounding = SAME * max(1.0, abs(recorded))
        return Compared(
            name, recorded, again, rounding if self.same else 0.1 if share else 0.1 * abs(recorded)
        )

    def _allowed(self, recorded: Reading, again: Reading) -> float | None:
        """The largest difference allowed; None where times of two machines cannot be compared.

        Of times it is twice the distance of the new quartiles, at least half the new value. A time recorded
        as slower may also differ by twice the distance of its own quartiles. A faster one may not: a wide
        spread in a record must not excuse it.
        """
        if again.unit == "share":
            if self.same:
                return SAME
            p, n = min(max(again.value, 0.05), 0.95), again.n or 1000
            return 3 * math.sqrt(2 * p * (1 - p) / n) + 0.01
        if clocked(again.unit, again.source):
            if not self.same_machine:
                return None
            own = max(2 * _spread(again), 0.5 * again.value)
            faster = recorded.value < again.value
            return own if faster else max(own, min(2 * _spread(recorded), recorded.value))
        return 0.0 if self.same else abs(again.value) * (1e-6 if again.unit == "MAC" else 0.1)


def _spread(reading: Reading) -> float:
    return reading.high - reading.low if reading.high is not None and reading.low is not None else 0.0


def clocked(unit: str, source: str) -> bool:
    """Whether a clock or a sensor gave a number, and no model."""
    return unit in CLOCKED and not source.startswith("model")


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The values in which two JSON objects differ: name and both values, `-` where one lacks it."""
    first, second = (dict(_flat(dict(values))) for values in (one, other))
    return [
        (name, first.get(name, "-"), second.get(name, "-"))
        for name in first | second
        if first.get(name, "-") != second.get(name, "-")
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
