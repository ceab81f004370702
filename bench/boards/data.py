"""Every row as plain values, for the page's script and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.boards.axes import Axis, Value
from bench.boards.board import Line
from bench.boards.numbers import whole_cost, work_seconds
from bench.boards.policies import curves
from bench.boards.rows import Row, cut_means
from bench.boards.units import short
from bench.records.mean import Mean

BUDGETS = tuple(number / 10 for number in range(1, 11))
"""The budgets at which policies are compared, as shares of the last exit's effective MACs."""


def line_data(line: Line, axes: Mapping[str, Axis]) -> dict[str, Any]:
    """One row as JSON values: `[mean, half-width of the 95% interval]` for every mean."""
    row, last = line.row, {key: _value(line, key, axis) for key, axis in axes.items()}
    whole = sorted((key for key, axis in axes.items() if axis.whole), key=lambda key: axes[key].unit)
    setup = row.setup
    exits, cuts = (getattr(row.records[0], part) if row.records else [] for part in ("exits", "cuts"))
    return {
        "model": setup.model_at_density,
        "backbone": setup.backbone.label,
        "method": setup.method.name,
        "methodSpec": setup.method.label,
        "plan": row.plan,
        "task": setup.task.label,
        "digest": setup.digest(),
        "machine": row.machine or "nothing",
        "seeds": row.seeds,
        "ranked": row.ranked,
        "contested": row.reasons,
        "recipe": {key: setup.recipe[key] for key in sorted(setup.recipe)} if row.records else {},
        "budget": pair(row.mean(lambda record: record.budget)),
        "ratios": {key: short(value.ratio) for key, value in last.items() if value.ratio},
        "whole": {key: pair(last[key].mean) for key in whole},
        "exits": [
            {"stage": exit_.stage}
            | {key: pair(_value(line, key, axis, n).mean) for key, axis in axes.items() if not axis.whole}
            for n, exit_ in enumerate(exits)
        ],
        "cuts": [
            {
                "before": number,
                "codecs": {
                    codec: list(map(pair, means)) for codec, means in cut_means(row.records, number).items()
                },
                "shape": cut.shape,
            }
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
