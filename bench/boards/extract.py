"""Extract: the part of one record that boards show, a tenth of its size in memory, and the same from and to plain JSON values.

Readings, cuts and walks have the attributes that they have in a record, so that the functions of `bench.boards.numbers` take
either. Of a policy's curve there are the numbers that boards show of it, instead of its operating points.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

from bench.records.compare import VECTORS
from bench.records.curve import Curve
from bench.records.notes import COSTLY
from bench.records.reading import Reading
from bench.records.record import Record
from bench.records.setup import Setup, board_of, parent_of

SHARES = (0.25, 0.5, 0.75)
"""The costs at which policies are compared, as shares of the whole network's."""
BUDGETS = tuple(number / 10 for number in range(1, 11))
"""The budgets at which policies are drawn, as shares of the last exit's effective MACs."""


NONE: frozenset[int] = frozenset()


class Taken(NamedTuple):
    """A reading's number, and whether it may be ranked."""

    value: float
    is_reliable: bool


class Names:
    """Names of readings, in the order of their numbers, which many lists of readings have in common.

    Args:
        names: each once.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.places = {name: place for place, name in enumerate(names)}
        self._between: dict[tuple[str, str], list[tuple[str, int]]] = {}
        self._under: dict[tuple[str, ...], list[tuple[str, list[int]]]] = {}

    def between(self, start: str, end: str) -> list[tuple[str, int]]:
        """The middle of every name that begins and ends so, and its place."""
        if (start, end) not in self._between:
            self._between[start, end] = [
                (name.removeprefix(start).removesuffix(end), place)
                for name, place in self.places.items()
                if name.startswith(start) and name.endswith(end)
            ]
        return self._between[start, end]

    def under(self, *starts: str) -> list[tuple[str, list[int]]]:
        """Every end of a name that is there behind all of some starts, and the places of these names."""
        if starts not in self._under:
            self._under[starts] = [
                (end, [self.places[start + end] for start in starts])
                for end, _ in self.between(starts[0], "")
                if all(start + end in self.places for start in starts)
            ]
        return self._under[starts]


class Readings(Mapping[str, Taken]):
    """Readings by name.

    Args:
        names: of all of them.
        numbers: their values, in the order of names.
        disturbed: the places of those that are not reliable.
    """

    __slots__ = ("_disturbed", "_names", "_numbers")

    def __init__(self, names: Names, numbers: tuple[float, ...], disturbed: frozenset[int]) -> None:
        self._names, self._numbers, self._disturbed = names, numbers, disturbed

    def __getitem__(self, name: str) -> Taken:
        place = self._names.places[name]
        return Taken(self._numbers[place], place not in self._disturbed)

    def get(self, name: str, default: Any = None) -> Any:
        """A reading; the default where there is none of this name."""
        place = self._names.places.get(name)
        return default if place is None else Taken(self._numbers[place], place not in self._disturbed)

    def between(self, start: str, end: str) -> list[tuple[str, float]]:
        """The middle of every name that begins and ends so, and its number."""
        return [(middle, self._numbers[place]) for middle, place in self._names.between(start, end)]

    def under(self, *starts: str) -> list[tuple[str, list[float]]]:
        """Every end of a name that is there behind all of some starts, and the numbers of these names."""
        return [
            (end, [self._numbers[place] for place in places]) for end, places in self._names.under(*starts)
        ]

    def __contains__(self, name: object) -> bool:
        return name in self._names.places

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.places)

    def __len__(self) -> int:
        return len(self._names.places)

    def keys(self) -> Any:
        """The names."""
        return self._names.places.keys()


class ExitExtract(NamedTuple):
    """One exit: the stage that it hangs on, and its readings."""

    stage: int
    readings: Readings


class CutExtract(NamedTuple):
    """One cut: the first stage behind it, the shape of the tensor that crosses, without the batch, and its readings."""

    before: int
    shape: list[int]
    readings: Readings


class WalkExtract(NamedTuple):
    """Walks by one policy in batches of one size, and their readings."""

    policy: str | None
    batch: int
    readings: Readings


class Shipped(NamedTuple):
    """The operating point at which a policy is shipped."""

    accuracy: float
    macs: float
    calibration_accuracy: float | None
    calibration_macs: float | None


class CurveExtract(NamedTuple):
    """The numbers that boards show of one policy's curve.

    Attributes:
        policy: its spec.
        reference: whether it saw labels.
        whole: MACs of the whole network, of which costs are shares; None if not counted.
        at: top-1 at each of `SHARES` of them.
        exit: the mean exit, from 0, at half of them.
        area: the one below top-1 over cost, as a share.
        shipped: the point at which it is shipped; None for a reference.
        within: MACs and top-1 of the point that calibration chooses within each of `BUDGETS`.
        alone: of the points at which all samples leave at one exit, calibration accuracy, top-1 and MACs of the one that is best
            on the calibration split; None for a reference.
        bound: of a reference, top-1 and MACs of its best point.
    """

    policy: str
    reference: bool
    whole: float | None
    at: Sequence[float | None]
    exit: float | None
    area: float | None
    shipped: Shipped | None
    within: Sequence[Sequence[float] | None]
    alone: Sequence[float] | None
    bound: Sequence[float] | None

    @classmethod
    def of(cls, curve: Curve, macs: float | None) -> Self:
        """The numbers of a curve.

        Args:
            curve: as it was recorded.
            macs: of the whole network, for curves of version 1, which have no costs.
        """
        whole = curve.costs[-1] if curve.costs else macs
        spots = [curve.at(share * whole) if whole else None for share in SHARES]
        half = curve.at(whole / 2) if whole else None
        chosen = [curve.within(share * whole) if whole else None for share in BUDGETS]
        number = curve.shipped
        point = None if number is None else curve.outcomes[number]
        return cls(
            curve.policy, curve.reference, whole,
            tuple(None if spot is None else spot.accuracy for spot in spots),
            None if half is None else half.exit,
            curve.area(whole) if whole and not curve.reference else None,
            None if point is None else Shipped(
                point.accuracy, point.macs, point.calibration_accuracy, point.calibration_macs
            ),
            tuple(None if one is None else (one.macs, one.accuracy) for one in chosen),
            *_best(curve),
        )  # fmt: skip


def _best(curve: Curve) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """The best point at which all leave at one exit, and a reference's best point."""
    if curve.reference:
        best = max(curve.outcomes, key=lambda point: (point.accuracy, -point.macs), default=None)
        return None, None if best is None else (best.accuracy, best.macs)
    fixed = [p for p in curve.outcomes if max(p.shares) == 1.0 and p.calibration_accuracy is not None]
    alone = max(fixed, key=lambda p: (p.calibration_accuracy or 0.0, -p.macs), default=None)
    return None if alone is None else (alone.calibration_accuracy or 0.0, alone.accuracy, alone.macs), None


class Asked(NamedTuple):
    """A setup, and the digests by which records are grouped.

    Attributes:
        setup: that was requested.
        digest: of all of it.
        training: of its training alone.
        parent: of the training of its dense parent.
        whatever_epochs: of that training, whatever its epochs.
        board: the name of the board that it stands on.
    """

    setup: Setup
    digest: str
    training: str
    parent: str
    whatever_epochs: str
    board: str

    @classmethod
    def of(cls, setup: Setup) -> Self:
        """A setup with its digests."""
        any_epochs = setup.model_copy(update={"recipe": setup.recipe | {"epochs": 0}})
        digests = setup.digest(), setup.training_digest(), parent_of(setup), parent_of(any_epochs)
        return cls(setup, *digests, board_of(setup))


@dataclass(frozen=True, eq=False)
class Extract:
    """The part of one record that boards show.

    Attributes:
        asked: its setup, with digests.
        digest: of the setup, as the record says.
        seed: of its run.
        budget: steps trained over the steps of the recipe.
        created: when it was written.
        machine: on which it was timed, with the threads.
        exits: from the first.
        cuts: from the input.
        curves: of its policies.
        walks: exits really taken.
        density: the share of all layers' weights that exist; None without layers.
        has_patterns: whether a layer's pattern has a name.
        has_gaps: whether a layer lacks weights.
        training_macs: multiply-accumulates of training; None where an epoch does not have them.
        overhead: how many times as long its training took as the dense network's.
        work_seconds: wall time of the whole run.
        costly: operators that its MACs leave out and that may cost as much as what they count.
        content: a digest of its file, or of the record.
    """

    asked: Asked
    digest: str
    seed: int
    budget: float
    created: str
    machine: str
    exits: tuple[ExitExtract, ...]
    cuts: tuple[CutExtract, ...]
    curves: tuple[CurveExtract, ...]
    walks: tuple[WalkExtract, ...]
    density: float | None
    has_patterns: bool
    has_gaps: bool
    training_macs: float | None
    overhead: float | None
    work_seconds: float
    costly: tuple[str, ...]
    content: str

    @property
    def setup(self) -> Setup:
        """The setup that was requested."""
        return self.asked.setup

    @classmethod
    def of(cls, record: Record, *, sound: bool = True) -> Extract:
        """The extract of a record; of one that is not sound its setup and its date alone, as none of its numbers counts."""
        return cls.from_values(values_of(record, sound=sound), Tables(), record.checksum)

    @classmethod
    def from_values(cls, values: Sequence[Any], tables: Tables, content: str) -> Extract:
        """The extract that plain values hold; what it has in common with others is kept once in the tables.

        Args:
            values: as `values_of` gives them.
            tables: of all extracts that are read together.
            content: a digest of the record.
        """
        (
            setup, digest, seed, budget, created, machine, exits, cuts, curves, walks,
            density, has_patterns, has_gaps, macs, overhead, seconds, costly,
        ) = values  # fmt: skip
        return cls(
            tables.asked(setup), digest, seed, budget, created, machine,
            tuple(ExitExtract(stage, tables.readings(one)) for stage, one in exits),
            tuple(CutExtract(before, shape, tables.readings(one)) for before, shape, one in cuts),
            tuple(
                CurveExtract._make(one)._replace(shipped=one[6] and Shipped._make(one[6])) for one in curves
            ),
            tuple(WalkExtract(policy, batch, tables.readings(one)) for policy, batch, one in walks),
            density, has_patterns, has_gaps, macs, overhead, seconds, tuple(costly), content,
        )  # fmt: skip


class Tables:
    """What extracts have in common, each kept once: setups, and lists of the names of readings.

    Attributes:
        texts: by a key, the text that plain values may have the key of instead.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._asked: dict[str, Asked] = {}
        self._names: dict[str, Names] = {}

    def asked(self, text: str) -> Asked:
        """A setup with its digests, from the JSON text of both, or the key of that."""
        if text not in self._asked:
            setup, *digests = json.loads(self.texts.get(text, text))
            self._asked[text] = Asked(Setup.model_validate(setup), *digests)
        return self._asked[text]

    def readings(self, values: Sequence[Any]) -> Readings:
        """Readings from the JSON text of their names or the key of that, their numbers, and the places of disturbed ones."""
        text: str = values[0]
        _, numbers, disturbed = values
        if text not in self._names:
            self._names[text] = Names(json.loads(self.texts.get(text, text)))
        return Readings(self._names[text], tuple(numbers), frozenset(disturbed) if disturbed else NONE)


def values_of(record: Record, *, sound: bool = True) -> list[Any]:
    """A record's extract as plain JSON values, which `Extract.from_values` reads."""
    values: list[Any] = [
        _asked(record.setup.model_dump_json()), record.digest, record.seed, record.budget, record.created, machine_of(record)
    ]  # fmt: skip
    if not sound:
        return [*values, [], [], [], [], None, False, False, None, None, 0.0, []]
    last = record.exits[-1].readings.get("macs.effective") if record.exits else None
    note = record.notes.get(COSTLY)
    overhead = record.net.get("training.overhead")
    return [
        *values,
        [[one.stage, _readings(one.readings)] for one in record.exits],
        [[one.before, one.shape, _readings(one.readings)] for one in record.cuts],
        [CurveExtract.of(curve, last.value if last else None) for curve in record.curves],
        [[one.policy, one.batch, _readings(one.readings)] for one in record.walks],
        _density(record),
        any(layer.pattern is not None for layer in record.layers),
        any(layer.density < 1 for layer in record.layers),
        _training_macs(record),
        None if overhead is None else overhead.value,
        sum(record.seconds.values()),
        [str(name) for name in note] if isinstance(note, dict) else [],
    ]


@lru_cache(maxsize=16)
def _asked(setup: str) -> str:
    """The JSON text of a setup with its digests; seeds of one setup, which are read one after the other, share it."""
    asked = Asked.of(Setup.model_validate_json(setup))
    return f"[{setup},{json.dumps(asked[1:])[1:]}"


def _readings(readings: Mapping[str, Reading]) -> list[Any]:
    """The JSON text of their names, their numbers, and the places of those that were disturbed."""
    disturbed = [place for place, one in enumerate(readings.values()) if not one.is_reliable]
    return [_text_of(tuple(readings)), [one.value for one in readings.values()], disturbed]


@lru_cache(maxsize=4096)
def _text_of(names: tuple[str, ...]) -> str:
    return json.dumps(names)


def _density(record: Record) -> float | None:
    sizes = [math.prod(layer.shape) for layer in record.layers]
    kept = sum(size * layer.density for size, layer in zip(sizes, record.layers, strict=True))
    return kept / sum(sizes) if sum(sizes) else None


def _training_macs(record: Record) -> float | None:
    macs = [epoch.macs for epoch in record.training if epoch.macs is not None]
    return sum(macs) if len(macs) == len(record.training) else None


def machine_of(record: Record) -> str:
    """The machine of a record: its processor, the registers of its kernels where the record has them, and the number of threads."""
    machine = record.machine
    name = machine.get("accelerator") or machine.get("processor") or "unknown processor"
    name += f", {machine[VECTORS]}" if VECTORS in machine and "accelerator" not in machine else ""
    threads = record.timing_threads
    return f"{name}, {threads} thread{'' if threads == 1 else 's'}"
