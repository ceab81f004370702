"""Comparison of two files of one kind: their differences, and those allowed in a file made again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.records.reading import Reading
from bench.records.setup import has_constant_masks

if TYPE_CHECKING:
    from bench.records.record import Record

CLOCKED = ("s", "J", "x")
"""Units of readings that another machine may lack, or give other values of."""
SAME = 1e-6
"""Numbers that differ by less differ by rounding: shares by so much, larger numbers by this share of them."""
ROUNDING = 1e-7
"""The share by which counts may differ: older records hold some of them as means of float32."""
MACHINE = ("processor", "threads", "timing_threads", "accelerator")
"""The parts of a record's machine that numbers depend on."""
VECTORS = "vectors"
"""Another one, which older records do not have."""


@dataclass(frozen=True)
class Rule:
    """A class of numbers, the difference that is allowed between a file's and the new one, and why."""

    title: str
    allowed: str
    reason: str


EXACT = Rule(
    "counts, bytes, MACs", "none but rounding", "They follow from the settings, whatever the machine."
)
SAME_PLACE = Rule(
    "all numbers that no clock gave", "none but rounding", "Processor, threads and versions are the same."
)
ELSEWHERE = Rule(
    "results of training, elsewhere",
    "3 standard errors + 0.01 of accuracies; half of temperatures; 0.1 of other shares; 10% else",
    "Other processors, threads or versions round otherwise, and training magnifies it.",
)
OTHER_POINT = Rule(
    "of operating points, elsewhere",
    "not compared",
    "A policy may have others there, and ship another; the bytes of one sample are compared.",
)
MASKS = Rule(
    "sizes of masks that training chose, elsewhere", "1%", "Which weights exist follows from trained weights."
)
TIMED = Rule(
    "times and measured energies", "twice the quartiles' distance, at least half", "The machine is the same."
)
OTHER_MACHINE = Rule("times and energies of another machine", "not compared", "They are the machine's own.")
DISTURBED = Rule("times of a disturbed machine", "not compared", "Other programs had the processor.")
CLOCK_RULES = (TIMED, OTHER_MACHINE, DISTURBED)
"""The rules for what a clock or a sensor gave."""


@dataclass(frozen=True)
class Compared:
    """One number of a file, and of the same file made again.

    Attributes:
        name: of the number.
        recorded: in the file; None where it lacks the number.
        again: in the file made again; None where that lacks the number.
        allowed: the largest difference that is no contradiction; None where the two cannot be compared.
        rule: the class of numbers that it belongs to, which gives `allowed`.
    """

    name: str
    recorded: float | None
    again: float | None
    allowed: float | None
    rule: Rule = EXACT

    @property
    def timed(self) -> bool:
        """Whether a clock or a sensor gave it, so that a busy machine explains a difference."""
        return self.rule in CLOCK_RULES

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

    The record does not decide what is exact: another processor or version in it relaxes results of training alone.

    Attributes:
        same_machine: whether both ran on the same processor with as many threads, and the same accelerator.
        same: whether the versions of the software are the same as well; one that the record lacks counts for nothing.
        constant: whether no mask changed in training.
        samples: of the test split.
    """

    same_machine: bool
    same: bool
    constant: bool
    samples: int

    @classmethod
    def of(cls, record: Record, again: Record) -> Rerun:
        """The conditions under which two records were made."""
        different = conditions_that_differ(record, again)
        machine = not any(name in (*MACHINE, VECTORS) for name in different)
        constant = has_constant_masks(again.setup)
        return cls(machine, not different, constant, again.right()[0] or 1000)

    def reading(self, name: str, recorded: Reading, again: Reading | None) -> Compared:
        """One reading beside the other, which may be missing where a clock or a sensor gave it."""
        rule, allowed = self._allowed(name.rpartition(": ")[2], recorded, again or recorded)
        if again is None:
            missing = None if clocked(recorded.unit, recorded.source) else 0.0
            return Compared(name, recorded.value, None, missing, rule)
        if again.unit != recorded.unit or (rule not in CLOCK_RULES and again.n != recorded.n):
            return Compared(name, recorded.value, None, 0.0, rule)
        return Compared(name, recorded.value, again.value, allowed, rule)

    def count(self, name: str, recorded: float, again: float | None) -> Compared:
        """One number that no clock gave, beside the other."""
        size = abs(again or 0.0)
        if self.same or name.startswith(("density", "MACs of training")):
            rule = SAME_PLACE if self.same else EXACT if self.constant else MASKS
            allowed = 0.01 * size if rule is MASKS else SAME * max(1.0, size)
        elif not name.startswith("curve") and " at cut " not in name:
            rule, allowed = EXACT, ROUNDING * size
        elif again is None or name.endswith(": bytes"):
            rule, allowed = OTHER_POINT, None
        else:
            rule = ELSEWHERE
            error = 3 * self._error(size, self.samples) + 0.01
            other = 0.5 * size if "temperature" in name else 0.1 if "share" in name else 0.1 * size
            allowed = error if "accuracy" in name else other
        return Compared(name, recorded, again, allowed, rule)

    def _allowed(self, name: str, recorded: Reading, again: Reading) -> tuple[Rule, float | None]:
        """The rule and the largest difference allowed; None where times of two machines cannot be compared.

        Of times it is twice the distance of the new quartiles, at least half the new value. A time recorded
        as slower may also differ by twice the distance of its own quartiles. A faster one may not: a wide
        spread in a record must not excuse it.
        """
        size = abs(again.value)
        if clocked(again.unit, again.source):
            if not self.same_machine:
                return OTHER_MACHINE, None
            if not (recorded.is_reliable and again.is_reliable):
                return DISTURBED, None
            own = max(2 * _spread(again), 0.5 * again.value)
            faster = recorded.value < again.value
            return TIMED, own if faster else max(own, min(2 * _spread(recorded), recorded.value))
        if self.same:
            return SAME_PLACE, SAME if again.unit == "share" else ROUNDING * size
        if _of_masks(name):
            return (EXACT, ROUNDING * size) if self.constant else (MASKS, 0.01 * size)
        if again.unit == "share":
            return ELSEWHERE, 3 * self._error(again.value, again.n or self.samples) + 0.01
        varies = again.low != again.high or (again.unit not in ("B", "MAC") and name != "parameters")
        return (ELSEWHERE, 0.1 * size) if varies else (EXACT, ROUNDING * size)

    def _error(self, share: float, samples: int) -> float:
        """The standard error of the difference of two shares of so many samples."""
        p = min(max(share, 0.05), 0.95)
        return math.sqrt(2 * p * (1 - p) / samples)


def conditions_that_differ(record: Record, again: Record) -> dict[str, tuple[Any, Any]]:
    """What numbers depend on beside settings, where two records differ in it: by name, both values."""
    machines = [one.machine | {"timing_threads": one.timing_threads} for one in (record, again)]
    keys = [*MACHINE, *([VECTORS] if VECTORS in record.machine else [])]
    pairs = {key: (machines[0].get(key), machines[1].get(key)) for key in keys}
    pairs |= {name: (version, again.versions.get(name)) for name, version in record.versions.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _of_masks(name: str) -> bool:
    """Whether a reading's number follows from the masks alone, or from them and the layers' shapes."""
    kind = name.partition(".")[0]
    if kind in ("density", "energy", "parameters"):
        return True
    return name.startswith(("macs.effective", "bytes.")) and not name.startswith("bytes.dense")


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
