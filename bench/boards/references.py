"""References: the points that every method is compared with, computed from dense networks' records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.boards.numbers import crossings, lossless, reading
from bench.boards.rows import Row
from bench.records.curve import Point
from bench.records.mean import Mean
from bench.records.record import Record
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


def _mean(name: str, row: Row, of: Callable[[Record], ReferenceOutcome | None]) -> ReferenceRow | None:
    outcomes = [one for record in row.records if (one := of(record)) is not None]
    means = [Mean.of(values) for values in zip(*outcomes, strict=True)]
    accuracy, macs, payload = means or (None, None, None)
    if accuracy is None or macs is None or payload is None:
        return None
    return ReferenceRow(name, accuracy, macs, payload)


def _always_device(record: Record) -> ReferenceOutcome | None:
    top1, macs = (reading(-1, name)(record) for name in ("top1", "macs.effective"))
    return None if top1 is None or macs is None else (top1, macs, 0.0)


def _always_server(picture: str) -> Callable[[Record], ReferenceOutcome | None]:
    def of(record: Record) -> ReferenceOutcome | None:
        crossing = crossings(record.cuts[0]).get(picture) if record.cuts else None
        return None if crossing is None else (crossing[2], 0.0, crossing[0])

    return of


def _best_cut(record: Record) -> ReferenceOutcome | None:
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


def _best_exit(record: Record) -> ReferenceOutcome | None:
    """The exit that is best on the calibration split when every sample leaves there."""
    points = [point for point in _fixed(record) if point.calibration_accuracy is not None]
    best = max(points, key=lambda point: (point.calibration_accuracy or 0.0, -point.macs), default=None)
    return None if best is None else (best.accuracy, best.macs, 0.0)


def _fixed(record: Record) -> Iterator[Point]:
    for curve in record.curves:
        yield from (point for point in curve.outcomes if max(point.shares) == 1.0 and not curve.reference)


def _bound(record: Record) -> ReferenceOutcome | None:
    points = [point for curve in record.curves if curve.reference for point in curve.outcomes]
    best = max(points, key=lambda point: (point.accuracy, -point.macs), default=None)
    return None if best is None or math.isnan(best.macs) else (best.accuracy, best.macs, 0.0)


_REFERENCES: dict[str, Callable[[Record], ReferenceOutcome | None]] = {
    "always on the device": _always_device,
    "always on the server, 8-bit image": _always_server("image8"),
    "always on the server, JPEG": _always_server("jpeg"),
    "always on the server, token ids": _always_server("ids"),
    "best fixed cut": _best_cut,
    "best fixed exit": _best_exit,
    "oracle (sees labels)": _bound,
}
