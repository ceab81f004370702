"""Every row as plain values, for the page's script and its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bench.boards.axes import Axis, Value
from bench.boards.board import Line
from bench.boards.numbers import crossings, whole_cost, work_seconds
from bench.boards.policies import curves
from bench.boards.rows import Row
from bench.records.mean import Mean

WHOLE = ("payload", "training", "density", "overhead")
"""Keys of the axes that are of whole networks."""
BUDGETS = tuple(number / 10 for number in range(1, 11))
"""The budgets at which policies are compared, as shares of the last exit's effective MACs."""


def line_data(line: Line, axes: Mapping[str, Axis]) -> dict[str, Any]:
    """One row as JSON values: `[mean, half-width of the 95% interval]` for every mean."""
    row, last = line.row, {key: _value(line, key, axis) for key, axis in axes.items()}
    setup = row.setup
    exits, cuts = (getattr(row.records[0], part) if row.records else [] for part in ("exits", "cuts"))
    return {
        "model": setup.model,
        "backbone": setup.backbone.spec,
        "method": setup.method.name,
        "methodSpec": setup.method.spec,
        "plan": row.plan,
        "task": setup.task.spec,
        "digest": setup.digest(),
        "device": row.machine or "nothing",
        "seeds": row.seeds,
        "ranked": row.ranked,
        "contested": row.reasons,
        "recipe": {key: setup.recipe[key] for key in sorted(setup.recipe)} if row.records else {},
        "budget": pair(row.mean(lambda record: record.budget)),
        "ratios": {key: short(value.ratio) for key, value in last.items() if value.ratio},
        "whole": {key: pair(last[key].mean) for key in WHOLE},
        "exits": [
            {"stage": exit_.stage}
            | {key: pair(_value(line, key, axis, n).mean) for key, axis in axes.items() if not axis.whole}
            for n, exit_ in enumerate(exits)
        ],
        "cuts": [
            {"before": number, "codecs": _cut(row, number), "shape": cut.shape}
            for number, cut in enumerate(cuts)
        ],
        "policies": [
            {
                "policy": one.policy,
                "reference": one.reference,
                "points": _points(row, one.policy),
                "at": [pair(mean) for mean in one.at],
                "area": pair(one.area),
                "exit": pair(one.exit),
                "shipped": pair(one.shipped),
                "times": [pair(mean) for mean in (one.macs, *one.times)],
            }
            for one in line.policies
        ],
        "references": [
            [one.name, pair(one.accuracy), pair(one.device_macs), pair(one.payload)]
            for one in line.references
        ],
        "seconds": short(sum(map(work_seconds, row.records))),
    }


def _value(line: Line, key: str, axis: Axis, exit_: int = -1) -> Value:
    """The value of an axis; without a mean where this row has no numbers for it."""
    values = line.last if exit_ == -1 or axis.whole else line.exits[exit_]
    return values.get(key, Value(None, None, axis.unit, 0))


def _cut(row: Row, number: int) -> dict[str, list[Any]]:
    """By codec: payload, framed payload and accuracy behind the cut."""
    by_codec: dict[str, list[tuple[float, float, float]]] = {}
    for record in row.records:
        if number < len(record.cuts):
            for codec, numbers in crossings(record.cuts[number]).items():
                by_codec.setdefault(codec, []).append(numbers)
    return {
        codec: [pair(Mean.of(values)) for values in zip(*numbers, strict=True)]
        for codec, numbers in by_codec.items()
    }


def _points(row: Row, policy: str) -> list[list[Any]]:
    """For each budget: its share, and MACs and accuracy of the point that calibration chooses within it."""
    at_budgets = []
    for share in BUDGETS:
        points = [
            (point.macs, point.accuracy)
            for record, curve in curves(row, policy)
            if (full := whole_cost(record, curve)) and (point := curve.within(share * full))
        ]
        if points:
            macs, accuracy = (Mean.of(values) for values in zip(*points, strict=True))
            at_budgets.append([share, pair(macs), pair(accuracy)])
    return at_budgets


def pair(mean: Mean | None) -> list[float | None] | None:
    """A mean and the half-width of its interval."""
    return None if mean is None else [short(mean.value), None if mean.half is None else short(mean.half)]


def short(value: float) -> float:
    """A number with six significant digits, the same on every machine; 0 where it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else 0.0
