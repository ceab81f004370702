"""Checks of walks on the clock: their counts against those of curves and of other walks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.records.checks.parts import samples_of
from bench.records.curve import Curve

if TYPE_CHECKING:
    from bench.records.record import Record, Walked


def walk_faults(record: Record) -> Iterator[str]:
    """A sentence for each walk that its own numbers, a curve or another walk contradict."""
    samples, curves = samples_of(record.exits), {curve.policy: curve for curve in record.curves}
    for walk in record.walks:
        name = f"The walk by {walk.policy or 'nobody'} in batches of {walk.batch}"
        faults = [*_times(walk)]
        if len(walk.left) != len(record.exits) or not walk.moved <= sum(walk.left) <= samples:
            faults += ["counts samples that are not there."]
        elif walk.policy is not None:
            faults += _against(walk, curves.get(walk.policy), samples)
        elif walk.point is not None or walk.moved or any(walk.left[:-1]):
            faults += ["has an operating point, or samples that left early."]
        for fault in faults:
            yield f"{name} {fault}"
    yield from _sizes(record)
    yield from _growing(record)


def _times(walk: Walked) -> Iterator[str]:
    wanted = {"latency"} if walk.policy is None else {"latency", "routing"}
    if walk.readings.keys() != wanted:
        yield f"has readings of {', '.join(sorted(walk.readings))}, not of {', '.join(sorted(wanted))}."
    elif walk.policy is not None and walk.readings["routing"].value > walk.readings["latency"].value:
        yield "decides longer than it takes."
    if any(_clock(walk, r.source) == r.source for r in walk.readings.values()):
        yield "was timed in batches of another size."


def _clock(walk: Walked, source: str) -> str:
    """The source of a walk's times, without the size of its batches."""
    return source.removesuffix(f", batches of {walk.batch}")


def _against(walk: Walked, curve: Curve | None, samples: int) -> Iterator[str]:
    """A walk takes the first samples of the split, and all but the moved ones leave where they do on the curve."""
    if curve is None or walk.point is None or walk.point >= len(curve.outcomes):
        yield "is at a point that no curve has."
        return
    if walk.point != curve.shipped:
        yield f"is at point {walk.point}, and would be shipped at point {curve.shipped}."
    beyond = samples - sum(walk.left)
    for own, share in zip(walk.left, curve.outcomes[walk.point].shares, strict=True):
        replayed = round(share * samples)
        if not replayed - beyond - walk.moved <= own <= replayed + walk.moved:
            yield f"lets {own} samples leave where {replayed} of {samples} do on its curve."


def _sizes(record: Record) -> Iterator[str]:
    """Walks in batches of one size take the same samples, and every policy walks in every size."""
    by_size: dict[int, list[Walked]] = defaultdict(list)
    for walk in record.walks:
        by_size[walk.batch].append(walk)
    if any(len({sum(walk.left) for walk in walks}) > 1 for walks in by_size.values()):
        yield "Its walks in batches of one size are of different numbers of samples."
    takers = {tuple(walk.policy for walk in walks) for walks in by_size.values()}
    if len({_clock(walk, r.source) for walk in record.walks for r in walk.readings.values()}) > 1:
        yield "Its walks were timed in different ways."
    if len(takers) > 1 or any(len(set(policies)) < len(policies) for policies in takers):
        yield "Its walks in batches of one size are by other policies than those of another."


def _growing(record: Record) -> Iterator[str]:
    """Of more samples, from the first, no fewer leave at an exit."""
    for one in record.walks:
        for other in record.walks:
            if one.policy == other.policy and sum(one.left) <= sum(other.left):
                moved = one.moved + other.moved
                if any(few > many + moved for few, many in zip(one.left, other.left, strict=False)):
                    yield f"Fewer samples leave by {one.policy or 'nobody'} in walks of more samples."
