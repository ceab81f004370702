"""Numbers: the values that boards take from a record or from its extract, one function each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

from bench.boards.extract import CutExtract, Extract, WalkExtract
from bench.boards.readings import Readings
from bench.records.curve import Curve
from bench.records.reading import Reading
from bench.records.record import Cut, Early, Record, Walked

LOSSLESS = 0.01
"""A codec at a cut counts for the payload when it loses no more accuracy than this."""

Source = Record | Extract
"""A record, or what boards keep of it."""
W = TypeVar("W", bound=Walked | WalkExtract)
Number = Callable[[Any], float | None]
"""Takes one number from a record or its extract; None where that does not have it."""


@cache
def reading(exit_: int, name: str) -> Number:
    """A reading of one exit, counted from the first; -1 is the last."""

    def find(record: Source) -> float | None:
        if not -len(record.exits) <= exit_ < len(record.exits):
            return None
        return ranked(record.exits[exit_].readings, name)

    return find


def ranked(readings: Mapping[str, Reading] | Readings, name: str) -> float | None:
    """A reading's value; None where there is none, and for a time taken while other programs had the processor."""
    if isinstance(readings, Readings):
        return readings.ranked(name)
    entry = readings.get(name)
    return entry.value if entry is not None and entry.is_reliable else None


def numbers_of(readings: Mapping[str, Reading] | Readings) -> dict[str, float]:
    """The values of readings by name, those that may not be ranked included."""
    return readings.numbers if isinstance(readings, Readings) else {n: r.value for n, r in readings.items()}


@cache
def packed(exit_: int) -> Number:
    """The fewest bytes that one exit's network was packed into."""

    def find(record: Source) -> float | None:
        if not -len(record.exits) <= exit_ < len(record.exits):
            return None
        format_and_bytes = smallest(record.exits[exit_].readings)
        return None if format_and_bytes is None else format_and_bytes[1]

    return find


@cache
def cut_reading(cut: int, name: str) -> Number:
    """A reading of one cut."""

    def find(record: Source) -> float | None:
        return ranked(record.cuts[cut].readings, name) if cut < len(record.cuts) else None

    return find


@cache
def cut_packed(cut: int) -> Number:
    """The fewest bytes that the device's part of a cut was packed into."""

    def find(record: Source) -> float | None:
        format_and_bytes = smallest(record.cuts[cut].readings, ".device") if cut < len(record.cuts) else None
        return None if format_and_bytes is None else format_and_bytes[1]

    return find


def overhead(record: Extract) -> float | None:
    """How many times as long its training took as the dense network's."""
    return record.overhead


def modelled_names(record: Source) -> set[str]:
    """The names of its readings of energy by a model, `energy.MODEL`."""
    return {name for exit_ in record.exits for name in exit_.readings if name.startswith("energy.")}


def crossings(cut: Cut | CutExtract) -> dict[str, tuple[float, float, float]]:
    """By codec: payload in bytes, framed payload in bytes, and accuracy behind the cut."""
    if isinstance(cut, CutExtract):
        return {
            codec: (payload, framed, top1)
            for codec, (payload, framed, top1) in cut.readings.under("payload.", "framed.", "top1.")
        }
    values = numbers_of(cut.readings)
    return {
        codec: (values[f"payload.{codec}"], values[f"framed.{codec}"], values[f"top1.{codec}"])
        for codec in (name.removeprefix("payload.") for name in cut.readings if name.startswith("payload."))
        if {f"framed.{codec}", f"top1.{codec}"} <= cut.readings.keys()
    }


def payload(record: Source) -> float | None:
    """The fewest bytes at an inner cut whose codec costs at most `LOSSLESS` of the last exit's accuracy."""
    able = [sent for number in range(1, len(record.cuts) - 1) for sent in lossless(record, number)]
    return min((raw for raw, _, _ in able), default=None)


def lossless(record: Source, number: int) -> Iterator[tuple[float, float, str]]:
    """For each codec that costs at most `LOSSLESS` at a cut: payload, accuracy with its sign turned, the codec.

    The smallest of them is the one to take: of equal payloads it is the more accurate.
    """
    whole = reading(-1, "top1")(record)
    for codec, (raw, _, top1) in crossings(record.cuts[number]).items():
        if whole is not None and top1 >= whole - LOSSLESS:
            yield raw, -top1, codec


def training_macs(record: Extract) -> float | None:
    """Multiply-accumulates of training; None where an epoch does not have them."""
    return record.training_macs


def density(record: Extract) -> float | None:
    """The share of all linear layers' and convolutions' weights that exist."""
    return record.density


def times_trained(record: Extract) -> float:
    """Steps trained over the steps of its recipe."""
    return record.budget


def work_seconds(record: Extract) -> float:
    """Wall time of the whole run."""
    return record.work_seconds


def whole_cost(record: Record, curve: Curve) -> float | None:
    """MACs of the whole network with the heads on its way, of which costs are shares; None if not counted."""
    macs = record.exits[-1].readings.get("macs.effective") if record.exits else None
    return curve.costs[-1] if curve.costs else macs.value if macs else None


def walked_by(walks: Iterable[W], batch: int) -> dict[str | None, W]:
    """Of some walks those in batches of one size, by policy; under None the walk in which no sample leaves early."""
    return {walk.policy: walk for walk in walks if walk.batch == batch}


@cache
def kept(policy: str, batch: int) -> Number:
    """How many times less time a policy takes, as `time_kept` has it."""
    return lambda record: time_kept(record, policy, batch)


def time_kept(record: Source, policy: str, batch: int) -> float | None:
    """How many times less time a policy takes for a sample than the network without its early exits."""
    all_walks: Iterable[Any] = record.walks
    walks = walked_by(all_walks, batch)
    if policy not in walks or None not in walks:
        return None
    whole, own = (ranked(walks[key].readings, "latency") for key in (None, policy))
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


def smallest(readings: Mapping[str, Reading] | Readings, suffix: str = "") -> tuple[str, float] | None:
    """The packed format with the fewest bytes, and their number; None where nothing was packed."""
    if isinstance(readings, Readings):
        return min(readings.between("bytes.", suffix), key=lambda one: one[1], default=None)
    sizes = {
        name.removeprefix("bytes.").removesuffix(suffix): reading.value
        for name, reading in readings.items()
        if name.startswith("bytes.") and name.endswith(suffix)
    }
    return min(sizes.items(), key=lambda item: item[1]) if sizes else None
