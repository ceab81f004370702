"""What the page knows of every row: plain values for its script and its tables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from bench.boards.numbers import (
    Mean,
    Number,
    crossings,
    density,
    modelled_names,
    overhead,
    packed,
    payload,
    reading,
    training_macs,
    work_seconds,
)
from bench.boards.policies import curves, judged
from bench.boards.references import references
from bench.boards.rows import Row
from bench.boards.show.policies import whole_cost

TIMED = ("latency", "speedup", "energy")
"""Axes that depend on the machine."""
BUDGETS = tuple(number / 10 for number in range(1, 11))
"""Of the last exit's effective MACs: the budgets at which policies are compared."""

AXES = {
    "top1": ("top-1 accuracy", "share"),
    "top5": ("top-5 accuracy", "share"),
    "macs.effective": ("effective MACs", "MAC"),
    "macs": ("dense MACs", "MAC"),
    "bytes": ("packed bytes", "B"),
    "latency": ("measured latency", "s"),
    "speedup": ("times faster than the dense parent, timed in turn", "x"),
    "memory": ("peak memory", "B"),
    "energy": ("measured energy", "J"),
    "payload": ("payload", "B"),
    "density": ("weights that exist", "share"),
    "density.effective": ("weights on a path to the exit", "share"),
    "training": ("training MACs", "MAC"),
    "overhead": ("training time, times the dense one's", "x"),
}
"""Key, title and unit of what the plot can show; modelled energies join them, one axis for each model."""


def axes(rows: Iterable[Row]) -> dict[str, tuple[str, str]]:
    """The axes that these rows have numbers for."""
    models = sorted({name for row in rows for record in row.records for name in modelled_names(record)})
    return AXES | {name: (f"energy by the model {name.removeprefix('energy.')}", "J") for name in models}


def row_data(row: Row, keys: Iterable[str]) -> dict[str, Any]:
    """One row as JSON values: `[mean, half-width of the 95% interval]` for every number."""
    setup = row.setup
    exits, cuts = (getattr(row.records[0], part) if row.records else [] for part in ("exits", "cuts"))
    whole: dict[str, Number] = {
        "payload": payload,
        "training": training_macs,
        "density": density,
        "overhead": overhead,
    }
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
        "ratios": {
            key: short(ratio)
            for key in keys
            if key not in ("top1", "top5", "density", "density.effective", "overhead", "speedup")
            and (ratio := _ratio(row, key, whole.get(key) or _number(key, -1)))
        },
        "whole": {key: pair(row.mean(number)) for key, number in whole.items()},
        "exits": [
            {"stage": exit_.stage}
            | {
                key: pair(row.mean(_number(key, number), timed=key in TIMED))
                for key in keys
                if key not in whole
            }
            for number, exit_ in enumerate(exits)
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
            for one in judged(row)
        ],
        "references": [
            [one.name, pair(one.accuracy), pair(one.device_macs), pair(one.payload)]
            for one in references(row)
        ],
        "seconds": short(sum(map(work_seconds, row.records))),
    }


def _ratio(row: Row, key: str, number: Number) -> float | None:
    in_turn = _number("speedup", -1) if key == "latency" else None
    return row.ratio(number, timed=key in TIMED, in_turn=in_turn)


def _number(key: str, exit_: int) -> Number:
    return packed(exit_) if key == "bytes" else reading(exit_, key)


def _cut(row: Row, number: int) -> dict[str, list[Any]]:
    """Payload and accuracy by codec."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for record in row.records:
        if number < len(record.cuts):
            for codec, numbers in crossings(record.cuts[number]).items():
                found.setdefault(codec, []).append(numbers)
    return {
        codec: [pair(Mean.of(values)) for values in zip(*numbers, strict=True)]
        for codec, numbers in found.items()
    }


def _points(row: Row, policy: str) -> list[list[Any]]:
    """Budget as a share, MACs and accuracy of the point that calibration chooses within it."""
    found = []
    for share in BUDGETS:
        points = [
            (point.macs, point.accuracy)
            for record, curve in curves(row, policy)
            if (full := whole_cost(record, curve)) and (point := curve.within(share * full))
        ]
        if points:
            macs, accuracy = (Mean.of(values) for values in zip(*points, strict=True))
            found.append([share, pair(macs), pair(accuracy)])
    return found


def pair(mean: Mean | None) -> list[float | None] | None:
    """A mean and the half-width of its interval."""
    return None if mean is None else [short(mean.value), None if mean.half is None else short(mean.half)]


def short(value: float) -> float:
    """Six significant digits: the same on every machine, and short."""
    return float(f"{value:.6g}") if math.isfinite(value) else 0.0
