"""Record: one run's settings and readings in one JSON file, at a path computed from what was run."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bench.errors import SeesawError
from bench.kinds.meter import Reading
from bench.plugins.plugin import Whole
from bench.records.curve import Curve
from bench.records.sealed import MAX_SEED, Block, Sealed, slug
from bench.records.sealed import digest as digest_of

SCHEMA = 2
"""Version 2: curves hold counts of samples, and those of version 1 their points."""


class Named(Block):
    """A plugin as it was chosen."""

    name: str
    """as announced, or a draft's place"""
    origin: str
    """distribution and version, or `draft` with a digest of the file"""
    settings: dict[str, Any]
    """every setting, defaults included"""
    spec: str
    """the shortest spec that says the same"""


class Setup(Block):
    """What was asked for. Its digest, with the task's version, is the run's identity."""

    task: Named
    task_version: Annotated[int, Field(ge=0)]
    task_identity: dict[str, Any]
    """what tells a user's own files from others"""
    backbone: Named
    backbone_identity: dict[str, Any] = Field(default_factory=dict)
    """what tells weights that the backbone begins with from others"""
    method: Named
    exits: Named
    policies: list[Named]
    codecs: list[Named]
    meters: list[Named]
    recipe: dict[str, Any]
    """epochs, batch, optimiser, schedule, augmentation as used"""
    device: str
    weights: str | None
    """SHA-256 of the file of initial weights, if one was given"""
    cut: int | None = None
    """the cut that the run is about, by the first stage of the server's part, if one was named"""
    values: Literal["float16", "int8"] | None = None
    """type of the numbers in the packed weights that everything is measured with; none is float32"""
    lean: bool = False
    """whether predefined linear layers were trained on the weights that exist alone"""

    @property
    def model(self) -> str:
        """The product `backbone_method`."""
        return f"{self.backbone.spec}_{self.method.spec}"

    def digest(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 over all settings; origins and spellings do not count.

        Nor does a setting that is left open (none, false or empty): so a plugin may get a new setting that is open
        by default, and its old records keep their places.
        """
        return self._digest(set())

    def trained(self) -> str:
        """A digest of what was trained, however it is packed and whatever was measured of it."""
        return self._digest({"policies", "codecs", "meters", "values"})

    def _digest(self, without: set[str]) -> str:
        told = self.model_dump(mode="json") | {key: [] for key in without}
        plugins = [told[key] for key in ("task", "backbone", "method", "exits")]
        for plugin in [*plugins, *told["policies"], *told["codecs"], *told["meters"]]:
            del plugin["spec"]
            if not plugin["origin"].startswith("draft"):
                del plugin["origin"]
        return digest_of(told)


class Layer(Block):
    """One linear layer or convolution."""

    name: str
    shape: list[Annotated[int, Field(ge=0)]]
    density: Annotated[float, Field(ge=0, le=1)]
    pattern: str | None


class Exit(Block):
    """One exit and its readings."""

    stage: int
    """the stage it hangs on, from 0"""
    readings: dict[str, Reading]


class Behind(Block):
    """What a policy sends through one codec, and what comes of it."""

    payload: Whole
    """bytes of all features that cross, as they are"""
    framed: Whole
    """bytes of them in their frames"""
    right: Whole
    """how many samples are answered rightly, on either side"""


class Early(Block):
    """One policy at one cut: the samples that leave at the device's exits do not cross."""

    policy: str
    point: Whole
    """the number of its operating point, on its curve"""
    device: Whole
    """how many samples are answered on the device"""
    behind: dict[str, Behind]
    """by codec"""


class Walked(Block):
    """Walks from exit to exit on the clock, by one policy in batches of one size, with samples of the test split."""

    policy: str | None
    """none: the network without its early exits, which nobody leaves"""
    point: Whole | None
    """the number of the policy's operating point, on its curve"""
    batch: Annotated[int, Field(ge=1)]
    left: list[Whole]
    """how many samples left at each exit"""
    moved: Whole
    """how many of them left elsewhere than in replay"""
    readings: dict[str, Reading]
    """for one sample: `latency`, and in it `routing`, that is to decide who leaves and to regroup the others"""


class Cut(Block):
    """One cut and its readings."""

    before: int
    """the first stage of the server's part"""
    shape: list[int]
    """of the tensor that crosses, without the batch"""
    readings: dict[str, Reading]
    early: list[Early] = Field(default_factory=list)
    """every policy, where exits are left of the cut; none in records before this was measured"""


class EpochRow(Block):
    """One epoch of training."""

    steps: Annotated[int, Field(ge=0)]
    loss: float
    accuracy: list[float]
    """of every exit, on the batches trained on"""
    lr: float
    seconds: float
    """wall time"""
    macs: Annotated[float, Field(ge=0)] | None = None
    """multiply-accumulates: of forward and backward passes, without what hidden weights would cost"""


class Record(Sealed):
    """Everything about one run that boards are computed from."""

    title: ClassVar[str] = "record"
    remedy: ClassVar[str] = "Run it again with --again, or remove the file."

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA)] = SCHEMA
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]
    setup: Setup
    budget: float
    """steps trained over the steps of the recipe"""
    exits: list[Exit]
    cuts: list[Cut]
    curves: list[Curve]
    walks: list[Walked] = Field(default_factory=list)
    """exits really taken; none where no clock was read"""
    layers: list[Layer]
    net: dict[str, Reading]
    absent: dict[str, str]
    """readings that could not be had, each with the reason"""
    notes: dict[str, Any]
    """uncounted operators, differences between counters, and what meters had to say"""
    training: list[EpochRow]
    seconds: dict[str, float]
    """wall time by phase"""
    machine: dict[str, Any]
    versions: dict[str, str]
    commit: str | None
    dirty: bool | None
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def path(self, folder: Path) -> Path:
        """Where the record belongs below a folder of records."""
        return path_of(folder, self.setup, self.digest, self.seed)

    def save(self, folder: Path) -> Path:
        """Write the record, whole or not at all.

        Raises:
            SeesawError: the folder cannot be written.
        """
        return self.write(self.path(folder))


def path_of(folder: Path, setup: Setup, digest: str, seed: int) -> Path:
    """`<task>-v<n>/<model>-<digest>/seed<k>.json`: names are cleaned, so nothing leaves the folder."""
    model = f"{slug(setup.backbone.name)}_{slug(setup.method.name)}-{digest}"
    return folder / task_of(setup) / model / f"seed{seed}.json"


def task_of(setup: Setup) -> str:
    """The folder of a task's records, `<task>-v<n>`."""
    return f"{slug(setup.task.name)}-v{setup.task_version}"


def board_of(setup: Setup) -> str:
    """The board that a record stands on: `<task>-v<n>`, and a digest behind it where the data are not the usual ones.

    Networks that were judged on different data are never ranked together: settings of the task and the identity of a
    user's own files set boards apart.
    """
    own = setup.task.spec.removeprefix(setup.task.name)
    if not own and not setup.task_identity:
        return task_of(setup)
    data = {"settings": setup.task.settings, "identity": setup.task_identity}
    return f"{task_of(setup)}-{digest_of(data)[:6]}"


def task_and_version(board: str) -> tuple[str, int, bool]:
    """The task's name, its version, and whether its data are the usual ones, from a board's name."""
    found = re.fullmatch(r"(.+)-v(\d+)(-[0-9a-f]{6})?", board)
    return (found[1], int(found[2]), found[3] is None) if found else (board, 0, True)


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
