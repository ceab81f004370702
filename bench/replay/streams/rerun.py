"""A stream record's replay once more, from the traces of its runs, number beside number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench.records.checks.stream import SAME
from bench.records.compare_streams import name_of
from bench.records.record import path_of
from bench.records.store import spec_of
from bench.records.stream import StreamRecord
from bench.replay.streams import costs as real
from bench.replay.streams import entrants as inputs
from bench.replay.streams.recording import parts_of, record_of
from bench.replay.streams.sweep import Sweep
from bench.replay.streams.tally import Terms


def traces_of(stream: StreamRecord, runs: Path) -> list[Path]:
    """Where the test traces of its runs lie, below a folder of runs."""
    places = [path_of(runs, part.setup, part.digest, stream.seed) for part in stream.parts]
    return [place.with_suffix("") / "test.safetensors" for place in places]


def again(
    stream: StreamRecord, traces: Sequence[Path], records: Path, threads: int | None = None
) -> StreamRecord:
    """Replay what a sound stream record was asked.

    Args:
        stream: the record.
        traces: of its runs.
        records: of its runs.
        threads: how many streams are played at once; the cores where left out.

    Raises:
        SeesawError: a policy is a draft, a run has no record, or a trace is not what its record measured.
    """
    named = _entrants(stream)
    network, (played, _) = parts_of(traces, records), inputs.load(traces)
    costs = real.depths_of(traces, records, stream.reading) if stream.reading else stream.costs
    sends = (
        real.sends_of(traces, records, stream.sending, stream.arms) if stream.sending else list(stream.sends)
    )
    online = [(name, one) for (name, _), one in named.online.items()]
    arms = played.arms(stream.arms, costs, sends)
    plan = Sweep(played, arms, online, list(named.guests.items()), stream.shuffles, stream.order_seed)
    return record_of(*network, stream.arms, stream.costs, named, plan, plan.run(threads), stream.sending)


def _entrants(stream: StreamRecord) -> inputs.Entrants:
    """Its policies, under every set of terms that it has results of."""
    named = inputs.entrants([spec_of(one) for one in stream.entrants], {})
    online = {}
    for (name, _), one in named.online.items():
        for terms in (Terms(*result.terms) for result in stream.results if result.policy == name):
            online[name, terms] = type(one).model_validate(one.model_dump() | terms._asdict())
    return replace(named, online=online)


class Other(NamedTuple):
    """A list of numbers that is not what was told, with the first that differs."""

    name: str
    told: float | None
    found: float | None


def others(told: StreamRecord, found: StreamRecord) -> tuple[int, list[Other]]:
    """How many numbers were compared, and what differs by more than rounding."""
    one, other = dict(_numbers(told)), dict(_numbers(found))
    differ = [
        Other(name, *pair)
        for name in one | other
        if (pair := _first(one.get(name, []), other.get(name, []))) is not None
    ]
    return sum(map(len, one.values())), differ


def _first(one: Sequence[float], other: Sequence[float]) -> tuple[float | None, float | None] | None:
    for a, b in zip(one, other, strict=False):
        if not math.isclose(a, b, rel_tol=SAME, abs_tol=SAME):
            return a, b
    if len(one) == len(other):
        return None
    return next(iter(one[len(other) :]), None), next(iter(other[len(one) :]), None)


def _numbers(stream: StreamRecord) -> Iterator[tuple[str, Sequence[float]]]:
    yield "depths", stream.depths
    yield "costs of sending", stream.sends
    for place, part in enumerate(stream.parts):
        yield f"part {place}: MACs", part.costs
        yield f"part {place}: right at each exit", part.right
    for result in stream.results:
        for key in ("plays", "right", "sent", "cost", "regret"):
            yield f"{name_of(result)}: {key}", getattr(result, key)
