"""Slow exits: those that save multiply-accumulates and no time, with what their heads and decisions take."""

from __future__ import annotations

from collections.abc import Iterator

from bench.boards.numbers import time_kept, whole_cost
from bench.boards.show.answer import timing
from bench.boards.units import seconds
from bench.records.record import Record, Walked

LEAST = 0.005
"""The share of multiply-accumulates that an exit saves at least: less would be shown as nothing."""


def slow_exits(record: Record) -> Iterator[str]:
    """A sentence for every early exit that is not faster than the last one, beyond the quartiles of both, with fewer MACs."""
    last = record.exits[-1].readings
    for number, exit_ in enumerate(record.exits[:-1]):
        own = exit_.readings
        if (
            not {"macs.effective", "latency", "latency.head"} <= own.keys()
            or not {"macs.effective", "latency"} <= last.keys()
        ):
            continue
        saved = 1 - own["macs.effective"].value / (last["macs.effective"].value or 1)
        if not own["latency"].is_reliable or not last["latency"].is_reliable:
            continue
        quickest, slowest = last["latency"].low, own["latency"].high
        if saved < LEAST or quickest is None or slowest is None or slowest < quickest:
            continue
        yield (
            f"Exit {number} saves {saved:.0%} of the multiply-accumulates and no time: its head alone takes "
            f"{timing(own['latency.head'])} of its {timing(own['latency'])}."
        )


def slow_walks(record: Record) -> Iterator[str]:
    """A sentence for every policy by which single samples take fewer MACs, and no less time than without early exits."""
    curves = {curve.policy: curve for curve in record.curves}
    for walk in record.walks:
        curve, heads = curves.get(walk.policy or ""), _heads(record, walk)
        if walk.batch != 1 or walk.policy is None or walk.point is None or curve is None or heads is None:
            continue
        whole, faster = whole_cost(record, curve), time_kept(record, walk.policy, 1)
        if (
            not whole
            or faster is None
            or faster > 1
            or (kept := curve.outcomes[walk.point].macs / whole) >= 1
        ):
            continue
        latency, routing = (timing(walk.readings[name]) for name in ("latency", "routing"))
        yield (
            f"By {walk.policy} a single sample takes {kept:.0%} of the multiply-accumulates and no less time: of its "
            f"{latency}, early heads alone take {seconds(heads)}, and deciding {routing}."
        )


def _heads(record: Record, walk: Walked) -> float | None:
    """Seconds that early heads take of a sample's walk, as long as they take alone; None where one was not timed."""
    passed, total, samples = sum(walk.left), 0.0, sum(walk.left) or 1
    for exit_, left in zip(record.exits[:-1], walk.left, strict=False):
        if "latency.head" not in exit_.readings:
            return None
        total += exit_.readings["latency.head"].value * passed / samples
        passed -= left
    return total
