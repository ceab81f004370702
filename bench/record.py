"""Record: one run's settings and readings in one JSON file, at a path computed from what was run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.curves import Curve
from bench.errors import SeesawError
from bench.files import read_plain, write_whole
from bench.meter import Reading
from bench.plugin import Whole

SCHEMA = 2
"""Version 2: curves hold counts of samples, and those of version 1 their points."""
MAX_BYTES = 32 << 20
LARGEST, DIGITS = {int: 1 << 60, float: 1e30}, 40
"""What a number in a record may be, and how long."""
MAX_SEED = (1 << 53) - 1


_NUMBERS = re.compile(r"\[\n([-+\d.eE,\snul]+?)\n *\]")
"""A list of numbers as `json` writes it, a line each; no JSON string has a line's end in it."""


class Block(BaseModel):
    """A part of a record: frozen, and nothing in it that the schema does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


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
        text = json.dumps(_said(told), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _said(value: Any) -> Any:
    """JSON values without those that are left open: none, false and empty ones."""
    if isinstance(value, dict):
        said = {key: _said(inner) for key, inner in value.items()}
        return {key: inner for key, inner in said.items() if not _is_open(inner)}
    return [_said(inner) for inner in value] if isinstance(value, list) else value


def _is_open(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


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


class Record(Block):
    """Everything about one run that boards are computed from."""

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA)] = SCHEMA
    checksum: str = ""
    """SHA-256 over everything else in the file, written last: what was changed by hand shows"""
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
        path = self.path(folder)
        told = json.dumps(self.sealed().model_dump(mode="json"), indent=1, allow_nan=False)
        told = _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", told)
        write_whole(path, (told + "\n").encode(), "--records")
        return path

    def sealed(self) -> Record:
        """The record with the checksum of what it says."""
        return self.model_copy(update={"checksum": checksum(self.model_dump(mode="json"))})


def checksum(told: dict[str, Any]) -> str:
    """SHA-256 over a record's JSON values, without the checksum itself and without what is left open (`_said`)."""
    rest = _said({key: value for key, value in told.items() if key != "checksum"})
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def path_of(folder: Path, setup: Setup, digest: str, seed: int) -> Path:
    """`<task>-v<n>/<model>-<digest>/seed<k>.json`: names are cleaned, so nothing leaves the folder."""
    model = f"{_slug(setup.backbone.name)}_{_slug(setup.method.name)}-{digest}"
    return folder / board_of(setup) / model / f"seed{seed}.json"


def board_of(setup: Setup) -> str:
    """The board that a record stands on, `<task>-v<n>`, as a part of a path."""
    return f"{_slug(setup.task.name)}-v{setup.task_version}"


def _slug(name: str) -> str:
    """A name as a part of a path: of a draft, its class, so marked that it is no announced plugin's."""
    place, _, last = name.rpartition(":")
    plain = re.sub(r"[^a-z0-9-]+", "-", last.lower()[:80]).strip("-")
    return ("draft-" if place else "") + (plain or "unnamed")


def load(path: Path) -> Record:
    """Read one record.

    Raises:
        SeesawError: no file, no JSON, or not of this schema.
    """
    try:
        data = read_plain(path, MAX_BYTES + 1)
    except OSError as error:
        raise SeesawError(f"{path} cannot be read ({error.strerror}). Give the path of a record.") from error
    if len(data) > MAX_BYTES:
        raise SeesawError(f"{path} is larger than any record ({MAX_BYTES >> 20} MiB). Remove the file.")
    return parse(data, str(path))


def is_record(path: Path) -> bool:
    """Whether a file is there and is a whole record."""
    try:
        load(path)
    except SeesawError:
        return False
    return True


def parse(data: bytes, path: str) -> Record:
    """A record from the bytes of its file.

    Raises:
        SeesawError: no JSON, or not of this schema.
    """
    try:
        told = json.loads(
            data, parse_int=_bounded(int), parse_float=_bounded(float), parse_constant=_bounded(float)
        )
        return Record.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        where, why = ".".join(str(part) for part in first["loc"]), first["msg"]
    except (ValueError, RecursionError) as error:
        where, why = "", str(error)
    raise SeesawError(
        f"{path} is no whole record{f' at {where}' if where else ''} ({why}). "
        "Run it again with --again, or remove the file."
    )


def _bounded(kind: type[int] | type[float]) -> Callable[[str], float]:
    """Reads a number, which arithmetic on boards must not be thrown off by."""

    def read(text: str) -> float:
        if len(text) > DIGITS or not abs(number := kind(text)) <= LARGEST[kind]:
            raise ValueError(f"{text[:20]} is no number that a record can hold")
        return number

    return read


def schema() -> str:
    """The JSON schema of a record, as the text of `leaderboards/schema.json`."""
    return json.dumps(Record.model_json_schema(mode="serialization"), indent=1) + "\n"
