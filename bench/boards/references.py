"""References: the points that every method is compared with, computed from dense networks' records."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bench.boards.extract import Extract
from bench.boards.numbers import crossings, lossless, reading
from bench.boards.rows import Row
from bench.records.mean import Mean
from bench.records.setup import DENSE

ReferenceOutcome = tuple[float, float, float]
"""Accuracy, MACs on the device, bytes that cross to the server."""


@dataclass(frozen=True)
class ReferenceRow:
    """One reference of one dense network: means over its seeds."""

    name: str
    accuracy: Mean
    device_macs: Mean
    payload: Mean


def references(row: Row) -> list[ReferenceRow]:
    """The references of a dense row; none for another method's."""
    if row.setup.method.name != DENSE:
        return []
    return [line for name, of in _REFERENCES.items() if (line := _mean(name, row, of)) is not None]


def _mean(name: str, row: Row, of: Callable[[Extract], ReferenceOutcome | None]) -> ReferenceRow | None:
    outcomes = [one for record in row.records if (one := of(record)) is not None]
    means = [Mean.of(values) for values in zip(*outcomes, strict=True)]
    accuracy, macs, payload = means or (None, None, None)
    if accuracy is None or macs is None or payload is None:
        return None
    return ReferenceRow(name, accuracy, macs, payload)


def _always_device(record: Extract) -> ReferenceOutcome | None:
    top1, macs = (reading(-1, name)(record) for name in ("top1", "macs.effective"))
    return None if top1 is None or macs is None else (top1, macs, 0.0)


def _always_server(picture: str) -> Callable[[Extract], ReferenceOutcome | None]:
    def of(record: Extract) -> ReferenceOutcome | None:
        crossing = crossings(record.cuts[0]).get(picture) if record.cuts else None
        return None if crossing is None else (crossing[2], 0.0, crossing[0])

    return of


def _best_cut(record: Extract) -> ReferenceOutcome | None:
    able = [
        (raw, minus_top1, cut.readings["macs.effective.device"].value)
        for number, cut in enumerate(record.cuts[1:-1], 1)
        if "macs.effective.device" in cut.readings
        for raw, minus_top1, _ in lossless(record, number)
    ]
    if not able:
        return None
    raw, minus_top1, macs = min(able)  # of equal payloads the more accurate, then the cheapest on the device
    return -minus_top1, macs, raw


def _best_exit(record: Extract) -> ReferenceOutcome | None:
    """The exit that is best on the calibration split when every sample leaves there."""
    points = [curve.alone for curve in record.curves if curve.alone is not None]
    best = max(points, key=lambda point: (point[0], -point[2]), default=None)
    return None if best is None else (best[1], best[2], 0.0)


def _bound(record: Extract) -> ReferenceOutcome | None:
    points = [curve.bound for curve in record.curves if curve.bound is not None]
    best = max(points, key=lambda point: (point[0], -point[1]), default=None)
    return None if best is None or math.isnan(best[1]) else (best[0], best[1], 0.0)


_REFERENCES: dict[str, Callable[[Extract], ReferenceOutcome | None]] = {
    "always on the device": _always_device,
    "always on the server, 8-bit image": _always_server("image8"),
    "always on the server, JPEG": _always_server("jpeg"),
    "always on the server, token ids": _always_server("ids"),
    "best fixed cut": _best_cut,
    "best fixed exit": _best_exit,
    "oracle (sees labels)": _bound,
}
