"""Record: one run's settings and readings in one JSON file, at a path computed from what was run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from bench.errors import SeesawError
from bench.plugins.plugin import Whole
from bench.records.checks.run import contradictions
from bench.records.compare import Compared, Rerun, clocked, conditions_that_differ
from bench.records.curve import Curve
from bench.records.reading import Reading
from bench.records.sealed import Block, Sealed, Shape, Values
from bench.records.setup import Setup, board_of, path_of

if TYPE_CHECKING:
    pass

SCHEMA = 2
"""Version 2: curves hold counts of samples, and those of version 1 their points."""
BATCHES = (1, 8, 64)
"""Sizes of the batches in which walks are timed."""

NEW_HEADS = "heads for other classes in the file of weights, trained anew"
"""The key of a record's note of heads that did not take the given weights."""
CALIBRATED = "calibration"
"""The key of a record's note of given weights that may have been trained on the samples that thresholds are set on."""


class LayerRow(Block):
    """One linear layer or convolution."""

    name: str
    shape: Shape
    density: Annotated[float, Field(ge=0, le=1)]
    pattern: str | None


class Exit(Block):
    """One exit and its readings."""

    stage: int
    """the stage it hangs on, from 0"""
    readings: dict[str, Reading]


class Behind(Block):
    """Bytes that cross by one policy through one codec, and how many samples are then answered rightly."""

    payload: Whole
    """bytes of all features that cross, as they are"""
    framed: Whole
    """bytes of them in their frames"""
    right: Whole
    """how many samples are answered rightly, on either side"""
    samples: Whole | None = None
    """how many samples of the test split were sent or stayed; left open where all of them"""
    device: Whole | None = None
    """how many of these are answered on the device; left open where the policy's own number holds"""
    uncut: Whole | None = None
    """how many of these are answered rightly without a cut; left open where the policy's curve says it"""


class Early(Block):
    """One policy at one cut: the samples that leave at the device's exits do not cross."""

    policy: str
    point: Whole
    """the number of its operating point, on its curve"""
    device: Whole
    """how many samples are answered on the device"""
    behind: dict[str, Behind]
    """by codec"""

    def crossing(self, codec: str, samples: int) -> int:
        """How many samples crossed through a codec, of so many in the test split."""
        own = self.behind[codec]
        return (samples if own.samples is None else own.samples) - (
            self.device if own.device is None else own.device
        )

    def accuracy(self, codec: str, samples: int, right: int) -> float:
        """The share of right answers on either side, through a codec.

        Where a part of the test split was sent, it is what the whole split gives without a cut, and the difference that
        the codec makes to that part.

        Args:
            codec: by its spec.
            samples: of the test split.
            right: how many of them the policy answers rightly without a cut.
        """
        own = self.behind[codec]
        if own.samples is None or own.uncut is None:
            return own.right / samples
        return right / samples + (own.right - own.uncut) / own.samples


class Walked(Block):
    """Walks from exit to exit on the clock, by one policy in batches of one size, with samples of the test split."""

    policy: str | None
    """none: the network without its early exits"""
    point: Whole | None
    """the number of the policy's operating point, on its curve"""
    batch: Annotated[int, Field(ge=1)]
    left: list[Whole]
    """how many samples left at each exit"""
    moved: Whole
    """how many of them left elsewhere than in replay"""
    readings: dict[str, Reading]
    """for one sample: `latency`, and in it `routing`: deciding which samples leave, regrouping the others"""


class Cut(Block):
    """One cut and its readings."""

    before: int
    """the first stage of the server's part"""
    shape: Shape
    """of the tensor that crosses, without the batch"""
    readings: dict[str, Reading]
    early: list[Early] = Field(default_factory=list)
    """one for each policy that is shipped, at inner cuts behind an exit; empty in older records"""


class EpochRow(Block):
    """One epoch of training, or the part of one that a method asked for."""

    steps: Annotated[int, Field(ge=0)]
    loss: float
    accuracy: list[float]
    """of every exit, on the batches trained on"""
    lr: float
    seconds: float
    """wall time"""
    macs: Annotated[float, Field(ge=0)] | None = None
    """multiply-accumulates of forward and backward passes; hidden weights cost none"""


class Record(Sealed):
    """Everything about one run that boards are computed from."""

    title: ClassVar[str] = "record"
    remedy: ClassVar[str] = "Run it again with --again, or remove the file."
    folder: ClassVar[str] = "records"
    marker: ClassVar[str] = "training"
    maker: ClassVar[str] = "bench.runs.rerun"
    shown_by: ClassVar[str] = "bench.boards.show.record"
    bulky: ClassVar[tuple[str, ...]] = (
        "curves", "walks", "cuts", "training", "layers", "exits", "setup", "net", "notes", "seconds", "versions",
    )  # fmt: skip

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA)] = SCHEMA
    setup: Setup
    budget: float
    """steps trained over the steps of the recipe"""
    exits: list[Exit]
    cuts: list[Cut]
    curves: list[Curve]
    walks: list[Walked] = Field(default_factory=list)
    """exits really taken; none where no clock was read"""
    layers: list[LayerRow]
    net: dict[str, Reading]
    absent: dict[str, str]
    """readings that could not be had, each with the reason"""
    notes: Values
    """uncounted operators, differences between counters, and other notes of training and of meters"""
    training: list[EpochRow]
    seconds: dict[str, float]
    """wall time by phase"""
    machine: Values
    versions: dict[str, str]
    commit: str | None
    dirty: bool | None
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def request_digest(self) -> str:
        return self.setup.digest()

    def path(self, folder: Path) -> Path:
        return path_of(folder, self.setup, self.digest, self.seed)

    @property
    def board(self) -> str:
        return board_of(self.setup)

    @property
    def timing_threads(self) -> int | None:
        """The threads of its timings on the CPU; older records name one number for these and for training."""
        return self.machine.get("timing_threads", self.machine.get("threads"))

    @property
    def name(self) -> str:
        return f"{self.setup.model} seed {self.seed}"

    def contradictions(self) -> Iterator[str]:
        return contradictions(self)

    def settings(self) -> dict[str, Any]:
        keys = {"seed", "budget", "setup", "machine", "versions", "commit", "dirty"}
        return self.model_dump(mode="json", include=keys)

    def numbers(self) -> dict[str, float]:
        readings = {
            f"{place}: {name}, {reading.unit}": reading.value
            for place, own in self.places()
            for name, reading in own.items()
        }
        return readings | dict(self.counts())

    def compare(self, again: Record) -> list[Compared]:
        """Every number beside the one that running it again gives, with the difference that is allowed.

        Counts, bytes and MACs must agree on any machine. Results of training must agree on the same processor
        with the same threads and versions, and elsewhere within what `bench.records.compare.ELSEWHERE` states.
        Times and measured energies are compared on one machine alone.
        """
        rerun = Rerun.of(self, again)
        theirs = dict(again.places())
        rows = [
            rerun.reading(f"{place}: {name}", reading, theirs.get(place, {}).get(name))
            for place, readings in self.places()
            for name, reading in readings.items()
        ]
        counts = dict(again.counts())
        return rows + [rerun.count(name, value, counts.get(name)) for name, value in self.counts()]

    def conditions_that_differ(self, again: Record) -> dict[str, tuple[Any, Any]]:
        return conditions_that_differ(self, again)

    def places(self) -> Iterator[tuple[str, dict[str, Reading]]]:
        """Every place that has readings, by name."""
        yield "the network", self.net
        for number, exit_ in enumerate(self.exits):
            yield f"exit {number}", exit_.readings
        for number, cut in enumerate(self.cuts):
            yield f"cut {number}", cut.readings
        for walk in self.walks:
            yield f"walks by {walk.policy or 'nobody'} in batches of {walk.batch}", walk.readings

    def counts(self) -> Iterator[tuple[str, float]]:
        """The numbers beside the readings that running it again must give, by name."""
        yield "budget", self.budget
        yield "steps", float(sum(row.steps for row in self.training))
        if all(row.macs is not None for row in self.training):
            yield "MACs of training", sum(row.macs or 0.0 for row in self.training)
        for layer in self.layers:
            yield f"density of {layer.name}", layer.density
            yield f"weights of {layer.name}", float(math.prod(layer.shape))
        for cut in self.cuts:
            yield f"numbers that cross cut {cut.before}", float(math.prod(cut.shape))
        for curve in self.curves:
            for number, point in enumerate(curve.outcomes):
                name = f"curve {curve.policy}, point {number}"
                yield f"{name}: accuracy", point.accuracy
                yield f"{name}: macs", point.macs
                for exit_, share in enumerate(point.shares):
                    yield f"{name}: share of exit {exit_}", share

        for cut in self.cuts:
            for early in cut.early:
                for codec, behind in early.behind.items():
                    name = f"{early.policy} at cut {cut.before} through {codec}"
                    yield f"{name}: accuracy", behind.right / max(behind.samples or self.right()[0], 1)
                    yield f"{name}: bytes", float(behind.payload)

    def right(self) -> tuple[int, list[int]]:
        """Samples of the test split, and how many of them each exit is right about."""
        top1 = [exit_.readings["top1"] for exit_ in self.exits if "top1" in exit_.readings]
        right = [round(reading.value * (reading.n or 0)) for reading in top1]
        return next((reading.n or 0 for reading in top1), 0), right

    def untimed(self) -> dict[str, Any]:
        """JSON values without those of clocks, sensors and calendars."""
        values = self.model_dump(mode="json")
        for key in ("seconds", "created", "checksum", "commit", "dirty"):
            del values[key]
        for epoch in values["training"]:
            del epoch["seconds"]
        parts = (*values["exits"], *values["cuts"], *values["walks"])
        for readings in [values["net"], *(part["readings"] for part in parts)]:
            for name in [name for name, r in readings.items() if clocked(r["unit"], r["source"])]:
                del readings[name]
        return values


def load(path: Path) -> Record:
    """Read one record.

    Raises:
        SeesawError: no file, no JSON, or not of this schema.
    """
    return Record.read(path)


def is_record(path: Path) -> bool:
    """Whether a file is there and is a whole record."""
    try:
        load(path)
    except SeesawError:
        return False
    return True


def schema() -> str:
    """The JSON schema of a record, as the text of `leaderboards/schema.json`."""
    return json.dumps(Record.model_json_schema(mode="serialization"), indent=1) + "\n"
