"""Checks of a run's record: whether it holds what its own numbers imply.

A record stores measurements, and several of them imply each other: an operating point's cost follows from its
shares and the exits' costs, the last cut's device part is the whole network, an accuracy is a whole number of
samples. A number changed by hand shows in one of them, or in the checksum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.records.checks.parts import settings_faults
from bench.records.compare import SAME
from bench.records.curve import Curve
from bench.records.reading import Reading
from bench.records.record import Exit, Record

COST = "macs.effective"
UNITS = {
    **dict.fromkeys(("top1", "top5", "density", "ece", "overthinking", "underthinking"), "share"),
    **dict.fromkeys(("payload", "framed", "bytes", "memory"), "B"),
    **{
        "macs": "MAC",
        "parameters": "one",
        "temperature": "one",
        "latency": "s",
        "routing": "s",
        "energy": "J",
        "training": "x",
        "speedup": "x",
    },
}
"""The unit of a reading, by the first part of its name."""


def contradictions(record: Record) -> Iterator[str]:
    """A sentence for each number that others contradict; nothing for a sound record."""
    yield from settings_faults(record.setup)
    for check in (_readings, _exits, _thinking, _cuts, _budget, _walks, _early):
        yield from check(record)
    for curve in record.curves:
        yield from _curve(record, curve)


def _readings(record: Record) -> Iterator[str]:
    for place, readings in record.places():
        for name, r in readings.items():
            if r.value < 0:
                yield f"{name} of {place} is negative."
            if (r.low is not None and r.low > r.value) or (r.high is not None and r.high < r.value):
                yield f"{name} of {place} does not lie between its own quartiles."
            if (unit := UNITS.get(name.partition(".")[0], r.unit)) != r.unit:
                yield f"{name} of {place} is in {r.unit}, and should be in {unit}."
            if r.unit == "share" and not (r.value <= 1 and (r.n is None or _whole(r.value * r.n))):
                yield f"{name} of {place}, {r.value!r}, is no share of {r.n} samples."
            if name.startswith("top") and r.n != _samples(record.exits):
                yield f"{name} of {place} is of {r.n} samples, and others are of {_samples(record.exits)}."
        for codec in (name.removeprefix("payload.") for name in readings if name.startswith("payload.")):
            if not {f"framed.{codec}", f"top1.{codec}"} <= readings.keys():
                yield f"{place} says what crosses with {codec}, and not its framed bytes and accuracy."


def _whole(value: float) -> bool:
    return math.isfinite(value) and math.isclose(value, round(value), abs_tol=1e-4)


def _value(readings: dict[str, Reading], name: str) -> float | None:
    return readings[name].value if name in readings else None


def _exits(record: Record) -> Iterator[str]:
    stages = [exit_.stage for exit_ in record.exits]
    if not stages or stages != sorted(set(stages)):
        yield f"Its exits hang on stages {stages}, which do not rise."
    before = 0.0
    for number, exit_ in enumerate(record.exits):
        top1, top5 = _value(exit_.readings, "top1"), _value(exit_.readings, "top5")
        if top1 is None or top5 is None or top1 > top5:
            yield f"Exit {number} has no top-1 and top-5 accuracy that fit each other."
        dense, own = _value(exit_.readings, "macs"), _value(exit_.readings, COST)
        if dense is not None and own is not None and own > dense * (1 + 1e-9):
            yield f"Exit {number} has more effective MACs than dense ones."
        if own is not None and own < before:
            yield f"Exit {number} costs less than the one before."
        before = own or before


def _thinking(record: Record) -> Iterator[str]:
    """An exit's accuracy less the last one's is its overthinking less its underthinking."""
    readings = [exit_.readings for exit_ in record.exits]
    for number, own in enumerate(readings):
        names = [(own, "overthinking"), (own, "underthinking"), (own, "top1"), (readings[-1], "top1")]
        over, under, here, last = (_value(where, name) for where, name in names)
        if None in (over, under, here, last):
            continue
        if not math.isclose((over or 0) - (under or 0), (here or 0) - (last or 0), abs_tol=SAME):
            yield f"Exit {number} is not as much better than the last as its over- and underthinking say."


def _cuts(record: Record) -> Iterator[str]:
    if [cut.before for cut in record.cuts] != list(range(len(record.cuts))):
        yield "Its cuts are not numbered from 0 on."
    if len(record.cuts) < 2:
        yield "It lacks the cuts before and after the network."
    if not record.cuts or not record.exits:
        return
    last = record.exits[-1].readings
    whole, device = _value(last, COST), _value(record.cuts[-1].readings, f"{COST}.device")
    if device is not None and whole is not None and not math.isclose(device, whole):
        yield "The device's part before the last cut does not cost what the whole network costs."
    image, top1 = _value(record.cuts[0].readings, "top1.image8"), _value(last, "top1")
    if image is not None and image != top1:
        yield "The accuracy behind the unchanged image is not the last exit's."


def _budget(record: Record) -> Iterator[str]:
    steps, epochs = sum(row.steps for row in record.training), record.setup.recipe.get("epochs", 0)
    if not math.isfinite(record.budget) or (steps > 0) != (record.budget > 0):
        yield "Its budget does not fit its steps."
    elif steps and epochs and not _whole(steps / record.budget / epochs):
        yield f"Its budget of {record.budget:g} does not fit {steps} steps of training."


def _curve(record: Record, curve: Curve) -> Iterator[str]:
    costs = [_value(exit_.readings, COST) for exit_ in record.exits]
    if curve.test is not None and {sum(row) for row in curve.test.left} - {_samples(record.exits)}:
        yield f"The curve of {curve.policy} is not of {_samples(record.exits)} samples."
    for number, point in enumerate(curve.outcomes):
        name = f"Point {number} of {curve.policy}"
        if len(point.shares) != len(costs) or not math.isclose(sum(point.shares), 1, abs_tol=1e-6):
            yield f"{name} has shares that do not make up all samples."
            continue
        if None not in costs:
            cost = sum(s * (c or 0) for s, c in zip(point.shares, costs, strict=True))
            if not math.isclose(point.macs, cost, rel_tol=1e-6):
                yield f"{name} says {point.macs:g} MACs, and its shares come to {cost:g}."
        if not _whole(point.accuracy * _samples(record.exits)):
            yield f"{name} has an accuracy, {point.accuracy!r}, that is no share of the samples."
        if 1.0 in point.shares:
            alone = _value(record.exits[point.shares.index(1.0)].readings, "top1")
            if alone is not None and not math.isclose(point.accuracy, alone, abs_tol=SAME):
                yield f"{name} lets all leave at one exit, and is not as accurate as that exit."


def _walks(record: Record) -> Iterator[str]:
    points = {curve.policy: len(curve.outcomes) for curve in record.curves}
    for walk in record.walks:
        name = f"The walk by {walk.policy or 'nobody'} in batches of {walk.batch}"
        wanted = {"latency"} if walk.policy is None else {"latency", "routing"}
        if walk.readings.keys() != wanted:
            yield f"{name} has readings of {', '.join(sorted(walk.readings))}, not of {', '.join(sorted(wanted))}."
        elif walk.policy is not None and walk.readings["routing"].value > walk.readings["latency"].value:
            yield f"{name} decides longer than it takes."
        if walk.policy is not None and not (walk.point or 0) < points.get(walk.policy, 0):
            yield f"{name} is at a point that no curve has."
        if len(walk.left) != len(record.exits) or not walk.moved <= sum(walk.left):
            yield f"{name} counts samples that are not there."


def _early(record: Record) -> Iterator[str]:
    """The samples that leave on the device follow from the policy's curve."""
    curves, samples = {curve.policy: curve for curve in record.curves}, _samples(record.exits)
    for cut in record.cuts:
        local = sum(exit_.stage < cut.before for exit_ in record.exits)
        for early in cut.early:
            name = f"{early.policy} at cut {cut.before}"
            curve = curves.get(early.policy)
            if curve is None or curve.test is None or early.point >= len(curve.test.left):
                yield f"{name} is at a point that no curve has."
                continue
            if early.device != sum(curve.test.left[early.point][:local]):
                yield f"{name} answers {early.device} samples on the device, and its curve says otherwise."
            for codec, behind in early.behind.items():
                sends = early.device < samples
                if (
                    behind.right > samples
                    or not behind.framed >= behind.payload
                    or (behind.framed > 0) != sends
                ):
                    yield f"{name} sends through {codec} what does not fit the samples that cross."


def _samples(exits: list[Exit]) -> int:
    return next((e.readings["top1"].n or 1 for e in exits if "top1" in e.readings), 1)
