"""Checks of a run's record: whether it holds what its own numbers imply.

A record stores measurements, and many of them imply each other: an operating point's cost follows from its shares and
the exits' costs, an exit costs what the device's part before the cut behind it costs, a part's density is that of its
layers, a step's MACs are three times those of a sample, an accuracy is a whole number of samples. A number changed by
hand shows in one of them, or in the checksum. Each file beside this one holds the checks of one part;
`tests/bench/records/checks/test_leaves.py` lists the values that nothing implies.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from bench.plugins.listing import bases
from bench.records.checks.cuts import cut_faults
from bench.records.checks.network import COST, network_faults
from bench.records.checks.parts import (
    code_faults,
    origin_faults,
    plugins_of,
    samples_of,
    settings_faults,
    value,
    whole,
)
from bench.records.checks.readings import reading_faults
from bench.records.checks.times import time_faults
from bench.records.checks.training import training_faults
from bench.records.checks.walks import walk_faults
from bench.records.compare import SAME, VECTORS
from bench.records.curve import Curve
from bench.records.notes import PACKED, STAGES

if TYPE_CHECKING:
    from bench.records.record import Record

WIDTHS = ("AVX-512", "AVX2", "NEON", "128 bits")
"""The registers that native kernels may be built for (`bench/execution/kernels/lanes.h`)."""


def contradictions(record: Record) -> Iterator[str]:
    """A sentence for each number that others contradict; nothing for a sound record."""
    yield from settings_faults(record.setup)
    for check in (
        _made, reading_faults, _exits, _plan, _thinking, _curves, cut_faults, network_faults, walk_faults, time_faults,
        training_faults,
    ):  # fmt: skip
        yield from check(record)


def _made(record: Record) -> Iterator[str]:
    """Versions, machine, commit and time against each other."""
    plugins = [one for kind in plugins_of(record.setup).values() for one in kind]
    yield from origin_faults(plugins, record.versions)
    yield from code_faults(record.commit, record.dirty)
    if record.machine.get("device", record.setup.device) != record.setup.device:
        yield f"It was to run on {record.setup.device}, and its machine's device is {record.machine['device']}."
    if (found := record.machine.get(VECTORS, WIDTHS[0])) not in WIDTHS:
        yield f"Its native kernels were built for registers of {found}, which are none."
    if not re.fullmatch(r"[0-9a-f]{16,64}", str(record.notes.get(PACKED, "0" * 16))):
        yield f"{record.notes[PACKED]!r} is no fingerprint of weights."
    names = record.notes.get(STAGES, [""] * (len(record.cuts) - 1))
    if len(names) != len(record.cuts) - 1 or not all(
        isinstance(name, str) and len(name) < 200 for name in names
    ):
        yield f"Its {len(record.cuts) - 1} stages have other names than so many words."
    given = record.setup.weights
    if given is not None and not re.fullmatch(r"[0-9a-f]{64}", given):
        yield f"{given!r} is no SHA-256 of a file of weights."
    if (given is None) != ("weights matched" not in record.notes):
        yield "Its settings name a file of weights, or its notes do, and not both."
    try:
        datetime.fromisoformat(record.created)
    except ValueError:
        yield f"{record.created!r} is no time."


def _exits(record: Record) -> Iterator[str]:
    stages = [exit_.stage for exit_ in record.exits]
    if not stages or stages != sorted(set(stages)):
        yield f"Its exits hang on stages {stages}, which do not rise."
    elif stages[0] < 0 or stages[-1] != len(record.cuts) - 2:
        yield f"Its exits hang on stages {stages}, and its network has {len(record.cuts) - 1}."
    before = 0.0
    for number, exit_ in enumerate(record.exits):
        if not {"top1", "top5"} <= exit_.readings.keys():
            yield f"Exit {number} lacks its top-1 or its top-5 accuracy."
        dense, own = value(exit_.readings, "macs"), value(exit_.readings, COST)
        if dense is not None and own is not None and own > dense * (1 + 1e-9):
            yield f"Exit {number} has more effective MACs than dense ones."
        if own is not None and own < before:
            yield f"Exit {number} costs less than the one before."
        before = own or before


def _plan(record: Record) -> Iterator[str]:
    """Exits hang where the settings of a plan with early exits (`bench.EarlyExits`) put them."""
    plan, stages = record.setup.exits, [exit_.stage for exit_ in record.exits]
    last = len(record.cuts) - 2
    if "EarlyExits" not in (bases("exits", plan.name) or ()):
        return
    at, shares, count = (plan.settings.get(key) for key in ("at", "shares", "exits"))
    if at:
        fits = stages == sorted({*at, last})
    elif plan.settings.get("everywhere"):
        fits = stages == list(range(last + 1))
    else:
        counts = [count] if count else []
        counts += [len(shares) + 1] if shares else []
        fits = len(stages) in [min(number, last + 1) for number in counts or [1]]
    if not fits:
        yield f"Its exits hang on stages {stages} of {last + 1}, which is not where {plan.spec} hangs them."


def _thinking(record: Record) -> Iterator[str]:
    """An exit's accuracy less the last one's is its overthinking less its underthinking; and what all exits come to."""
    exits = [exit_.readings for exit_ in record.exits]
    names = ("top1", "overthinking", "underthinking")
    rows = [[value(own, name) for name in names] for own in exits]
    shares = [[one for one in row if one is not None] for row in rows]
    if not shares or any(len(row) < len(names) for row in shares):
        return
    last = shares[-1][0]
    for number, (here, over, under) in enumerate(shares):
        if not math.isclose(over - under, here - last, abs_tol=SAME):
            yield f"Exit {number} is not as much better than the last as its over- and underthinking say."
        elif over > min(here, 1 - last) + SAME or under > min(last, 1 - here) + SAME:
            yield f"Exit {number} disagrees with the last about more samples than they can."
    over, under = (value(record.net, name) for name in names[1:])
    if over is None or under is None or len(shares) < 2:
        return
    most, least = (sum(row[1] for row in shares), max(row[1] for row in shares))
    both = sum(here - over for here, over, _ in shares[:-1])
    if not (
        least - SAME <= over <= most + SAME
        and last - both - SAME <= under <= min(row[2] for row in shares[:-1]) + SAME
    ):
        yield "The network's over- and underthinking are not what those of its exits come to."


def _curves(record: Record) -> Iterator[str]:
    policies, curves = (
        [policy.spec for policy in record.setup.policies],
        [one.policy for one in record.curves],
    )
    if curves != policies:
        yield f"It has curves of {', '.join(curves) or 'none'}, and its policies are {', '.join(policies) or 'none'}."
    names = {policy.spec: policy.name for policy in record.setup.policies}
    for curve in record.curves:
        above = bases("policy", names.get(curve.policy, ""))
        if above is not None and ("Reference" in above) != curve.reference:
            yield f"{curve.policy} {'is no bound' if curve.reference else 'sees labels'}, and its curve says otherwise."
        yield from _curve(record, curve)


def _curve(record: Record, curve: Curve) -> Iterator[str]:
    """A curve against its exits: costs, and the accuracy where all samples leave at one; a bound was not calibrated.

    Shares, MACs and accuracies are computed from the counts of samples where these are written, and then agree by themselves.
    """
    costs, samples = [value(exit_.readings, COST) for exit_ in record.exits], samples_of(record.exits)
    if (curve.test is None) != (record.schema_version == 1) or bool(curve.points) != (curve.test is None):
        yield f"The curve of {curve.policy} is not one of version {record.schema_version}."
    if curve.test is not None and {sum(row) for row in curve.test.left} - {samples}:
        yield f"The curve of {curve.policy} is not of {samples} samples."
    if curve.test is not None and None not in costs and curve.costs != costs:
        yield f"The exits of {curve.policy} cost {curve.costs}, and the shares of its points come to other MACs."
    able, are_written = _Able.of(record), curve.test is None
    for number, point in enumerate(curve.outcomes):
        name = f"Point {number} of {curve.policy}"
        if (point.calibration_accuracy is None) != curve.reference or (
            point.calibration_macs is None
        ) != curve.reference:
            yield f"{name} is {'calibrated, as no bound is' if curve.reference else 'not calibrated'}."
        is_whole = not are_written or math.isclose(sum(point.shares), 1, abs_tol=1e-6)
        if len(point.shares) != len(costs) or not is_whole:
            yield f"{name} has shares that do not make up all samples."
            continue
        if are_written and None not in costs:
            cost = sum([s * (c or 0) for s, c in zip(point.shares, costs, strict=True)])
            if not math.isclose(point.macs, cost, rel_tol=1e-6):
                yield f"{name} says {point.macs:g} MACs, and its shares come to {cost:g}."
        if are_written and not whole(point.accuracy * samples):
            yield f"{name} has an accuracy, {point.accuracy!r}, that is no share of the samples."
        if 1.0 in point.shares:
            yield from _alone(record, name, point.shares, point.accuracy, "top1")
        least, most = able.bounds(point.shares)
        if not least - SAME <= point.accuracy <= most + SAME:
            yield f"{name} has an accuracy of {point.accuracy:g}, and its exits allow {least:g} to {most:g}."
    if curve.calibration is not None:
        yield from _calibration(record, curve)


def _calibration(record: Record, curve: Curve) -> Iterator[str]:
    sizes = {e.readings["calibration.top1"].n for e in record.exits if "calibration.top1" in e.readings}
    counts = curve.calibration
    assert counts is not None
    if sizes and {sum(row) for row in counts.left} - sizes:
        yield f"The curve of {curve.policy} was calibrated with another number of samples than its exits."
    for number, (row, right) in enumerate(zip(counts.left, counts.right, strict=True)):
        total = sum(row)
        if total in row:
            name = f"Point {number} of {curve.policy} on the calibration split"
            yield from _alone(record, name, [left / total for left in row], right / total, "calibration.top1")


def _alone(record: Record, name: str, shares: list[float], accuracy: float, reading: str) -> Iterator[str]:
    """Where all leave at one exit, a point is as accurate as that exit."""
    alone = value(record.exits[shares.index(1.0)].readings, reading)
    if alone is not None and not math.isclose(accuracy, alone, abs_tol=SAME):
        yield f"{name} lets all leave at one exit, and is not as accurate as that exit."


class _Able(NamedTuple):
    """What the exits of a record allow of a policy's accuracy.

    Attributes:
        rights: the share of samples that each exit is right about; none where an exit does not say it.
        most: the share that the last exit, or an earlier one alone, is right about; 1 where the record does not say it.
    """

    rights: list[float]
    most: float

    @classmethod
    def of(cls, record: Record) -> _Able:
        exits = [value(exit_.readings, "top1") for exit_ in record.exits]
        rights = [right for right in exits if right is not None]
        last, over = exits[-1] if exits else None, value(record.net, "overthinking")
        is_told = last is not None and (over is not None or len(exits) == 1)
        return cls(
            rights if len(rights) == len(exits) else [], (last or 0.0) + (over or 0.0) if is_told else 1.0
        )

    def bounds(self, shares: list[float]) -> tuple[float, float]:
        """No more samples are answered rightly than leave where an exit is right, nor than any exit is right about."""
        if not self.rights:
            return 0.0, 1.0
        pairs = list(zip(shares, self.rights, strict=True))
        least = sum([share + right - 1 for share, right in pairs if share + right > 1])
        return least, min(sum([share if share < right else right for share, right in pairs]), self.most)
