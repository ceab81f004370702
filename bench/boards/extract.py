"""Extract: the part of one record that boards show, a tenth of its size in memory, and the same from and to plain JSON values.

Readings, cuts and walks have the attributes that they have in a record, so that the functions of `bench.boards.numbers` take
either. Of a policy's curve there are the numbers that boards show of it, instead of its operating points.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

from bench.boards.curves import CurveExtract, Shipped
from bench.boards.readings import NONE, Names, Readings
from bench.records.compare import VECTORS
from bench.records.notes import COSTLY
from bench.records.reading import Reading
from bench.records.record import Record
from bench.records.setup import Setup, board_of, parent_of


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
