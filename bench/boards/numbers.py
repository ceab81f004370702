"""Numbers: the values that boards take from a record, one function each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bench.records.curve import Curve
from bench.records.reading import Reading
from bench.records.record import Cut, Early, Record, Walked

LOSSLESS = 0.01
"""A codec at a cut counts for the payload when it loses no more accuracy than this."""

Number = Callable[[Record], float | None]
"""Takes one number from a record; None where the record does not have it."""


def reading(exit_: int, name: str) -> Number:
    """A reading of one exit, counted from the first; -1 is the last."""

    def find(record: Record) -> float | None:
        if not -len(record.exits) <= exit_ < len(record.exits):
            return None
        return _ranked(record.exits[exit_].readings.get(name))

    return find


def _ranked(entry: Reading | None) -> float | None:
    """A reading's value; None where there is none, and for a time taken while other programs had the processor."""
    return entry.value if entry is not None and entry.is_reliable else None


def packed(exit_: int) -> Number:
    """The fewest bytes that one exit's network was packed into."""

    def find(record: Record) -> float | None:
        if not -len(record.exits) <= exit_ < len(record.exits):
            return None
        format_and_bytes = smallest(record.exits[exit_].readings)
        return None if format_and_bytes is None else format_and_bytes[1]

    return find


def cut_reading(cut: int, name: str) -> Number:
    """A reading of one cut."""

    def find(record: Record) -> float | None:
        return _ranked(record.cuts[cut].readings.get(name)) if cut < len(record.cuts) else None

    return find


def cut_packed(cut: int) -> Number:
    """The fewest bytes that the device's part of a cut was packed into."""

    def find(record: Record) -> float | None:
        format_and_bytes = smallest(record.cuts[cut].readings, ".device") if cut < len(record.cuts) else None
        return None if format_and_bytes is None else format_and_bytes[1]

    return find


def overhead(record: Record) -> float | None:
    """How many times as long its training took as the dense network's."""
    ratio = record.net.get("training.overhead")
    return None if ratio is None else ratio.value


def modelled_names(record: Record) -> set[str]:
    """The names of its readings of energy by a model, `energy.MODEL`."""
    return {name for exit_ in record.exits for name in exit_.readings if name.startswith("energy.")}


def crossings(cut: Cut) -> dict[str, tuple[float, float, float]]:
    """By codec: payload in bytes, framed payload in bytes, and accuracy behind the cut."""
    values = {name: one.value for name, one in cut.readings.items()}
    return {
        codec: (values[f"payload.{codec}"], values[f"framed.{codec}"], values[f"top1.{codec}"])
        for codec in (name.removeprefix("payload.") for name in cut.readings if name.startswith("payload."))
        if {f"framed.{codec}", f"top1.{codec}"} <= cut.readings.keys()
    }


def payload(record: Record) -> float | None:
    """The fewest bytes at an inner cut whose codec costs at most `LOSSLESS` of the last exit's accuracy."""
    able = [sent for number in range(1, len(record.cuts) - 1) for sent in lossless(record, number)]
    return min((raw for raw, _, _ in able), default=None)


def lossless(record: Record, number: int) -> Iterator[tuple[float, float, str]]:
    """For each codec that costs at most `LOSSLESS` at a cut: payload, accuracy with its sign turned, the codec.

    The smallest of them is the one to take: of equal payloads it is the more accurate.
    """
    whole = reading(-1, "top1")(record)
    for codec, (raw, _, top1) in crossings(record.cuts[number]).items():
        if whole is not None and top1 >= whole - LOSSLESS:
            yield raw, -top1, codec


def training_macs(record: Record) -> float | None:
    """Multiply-accumulates of training; None where an epoch does not have them."""
    macs = [epoch.macs for epoch in record.training if epoch.macs is not None]
    return sum(macs) if len(macs) == len(record.training) else None


def density(record: Record) -> float | None:
    """The share of all linear layers' and convolutions' weights that exist."""
    sizes = [math.prod(layer.shape) for layer in record.layers]
    kept = sum(size * layer.density for size, layer in zip(sizes, record.layers, strict=True))
    return kept / sum(sizes) if sum(sizes) else None


def work_seconds(record: Record) -> float:
    """Wall time of the whole run."""
    return sum(record.seconds.values())


SHARES = (0.25, 0.5, 0.75)
"""The costs at which policies are compared, as shares of the whole network's."""


def whole_cost(record: Record, curve: Curve) -> float | None:
    """MACs of the whole network with the heads on its way, of which costs are shares; None if not counted."""
    macs = record.exits[-1].readings.get("macs.effective") if record.exits else None
    return curve.costs[-1] if curve.costs else macs.value if macs else None


def walked_by(record: Record, batch: int) -> dict[str | None, Walked]:
    """The walks in batches of one size, by policy; under None the walk in which no sample leaves early."""
    return {walk.policy: walk for walk in record.walks if walk.batch == batch}


def time_kept(record: Record, policy: str, batch: int) -> float | None:
    """How many times less time a policy takes for a sample than the network without its early exits."""
    walks = walked_by(record, batch)
    if policy not in walks or None not in walks:
        return None
    whole, own = (_ranked(walks[key].readings["latency"]) for key in (None, policy))
    return whole / own if whole and own else None


class Thrift(NamedTuple):
    """A codec by which a policy's samples cross a cut.

    Attributes:
        codec: its spec.
        payload: mean bytes of a sample that crosses; None where none does.
        accuracy: the share of right answers on either side.
    """

    codec: str
    payload: float | None
    accuracy: float


def thriftiest(early: Early, samples: int, right: int, loss: float = 0.01) -> Thrift:
    """The codec with the fewest bytes among those at most `loss` of accuracy below the best one.

    Args:
        early: one policy at one cut.
        samples: of the test split.
        right: how many of them the policy answers rightly without a cut.
        loss: of accuracy, as a share.
    """
    found = []
    for codec, behind in early.behind.items():
        crossing = early.crossing(codec, samples)
        mean = behind.payload / crossing if crossing else None
        found.append(Thrift(codec, mean, early.accuracy(codec, samples, right)))
    best = max(one.accuracy for one in found)
    return min(
        (one for one in found if one.accuracy >= best - loss - 1e-12), key=lambda one: one.payload or 0.0
    )


def smallest(readings: dict[str, Reading], suffix: str = "") -> tuple[str, float] | None:
    """The packed format with the fewest bytes, and their number; None where nothing was packed."""
    sizes = {
        name.removeprefix("bytes.").removesuffix(suffix): reading.value
        for name, reading in readings.items()
        if name.startswith("bytes.") and name.endswith(suffix)
    }
    return min(sizes.items(), key=lambda item: item[1]) if sizes else None
