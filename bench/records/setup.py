"""Setup: the settings of a run, and the digests, paths and boards that follow from them."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from bench.errors import SeesawError
from bench.plugins.listing import bases
from bench.plugins.plugin import Positive, Settings
from bench.plugins.spec import names_draft, parse, render, without_paths
from bench.records.layout import Layout
from bench.records.sealed import Block, Values, slug
from bench.records.sealed import digest as digest_of

FLOOR = 0.04
"""Learning rate at which one-cycle begins, as a share of the highest."""


class Recipe(Settings):
    """How a task is trained; the same for every backbone and method."""

    epochs: Annotated[int, Field(ge=0, le=100_000)]
    """passes over the train split"""
    batch: Annotated[int, Field(ge=1, le=1 << 20)] = 128
    """samples in one step"""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """sgd has Nesterov momentum 0.9"""
    lr: Positive = 0.1
    """highest learning rate"""
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    """on weights, not on biases and normalisation"""
    schedule: Literal["one-cycle", "cosine", "constant"] = "one-cycle"
    """learning rate over the budget; one-cycle rises for `warmup` of it, then falls to zero"""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """share of the budget over which one-cycle rises"""
    crop: Annotated[int, Field(ge=0, le=1024)] = 0
    """pixels of zero padding for random crops; 0 for none"""
    flip: bool = False
    """whether to mirror images at random"""
    zoom: Annotated[float, Field(gt=0, le=1)] | None = None
    """least share of an image's area in random resized crops; none for none"""
    mixup: Annotated[float, Field(gt=0, le=10)] | None = None
    """alpha of the Beta distribution by which pairs of images, and of labels, are mixed; none mixes none"""
    smoothing: Annotated[float, Field(gt=0, lt=1)] | None = None
    """share of each label that is spread over all classes; none for none"""
    mean: tuple[float, ...] = ()
    """of each channel on the scale 0..1, subtracted; the task's, or that of published weights, where left open"""
    std: tuple[Positive, ...] = ()
    """of each channel on the scale 0..1, divided by; as mean"""

    def settings(self) -> dict[str, Any]:
        """Every setting but those that are left open, so that recipes from before there was one are still the same."""
        return {
            key: value
            for key, value in self.model_dump(mode="json").items()
            if value is not None and value != []
        }

    def rate(self, progress: float) -> float:
        """The learning rate at a share of the schedule, from 0 to 1."""
        if self.schedule == "constant":
            return self.lr
        warmup = self.warmup if self.schedule == "one-cycle" else 0.0
        if progress < warmup:
            return self.lr * (FLOOR + (1 - FLOOR) * progress / warmup)
        return self.lr * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


class Preprocessing(Settings):
    """How images looked to a network when its weights were trained; it answers worse of images that look otherwise."""

    mean: Annotated[tuple[float, ...], Field(min_length=1, max_length=64)]
    """of each channel on the scale 0..1, subtracted"""
    std: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=64)]
    """of each channel on the scale 0..1, divided by"""
    size: Annotated[int, Field(ge=1, le=4096)] | None = None
    """height and width of the images; none where it is not on record"""
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    """by which they were scaled"""
    crop: Annotated[float, Field(gt=0, le=1)] = 1.0
    """share of the shorter side that the square in the middle had"""
    source: Annotated[str, Field(max_length=1000)] = ""
    """what tells so: a library's entry, a file, or a setting"""

    def for_channels(self, channels: int) -> Preprocessing:
        """The same for grey images, of which a network for colours sees the mean over them.

        Raises:
            SeesawError: images of another number of channels.
        """
        if channels == len(self.mean):
            return self
        if channels != 1:
            raise SeesawError(
                f"These images have {channels} channels, and the weights were trained on {len(self.mean)} (mean and std of "
                f"{self.source}). Name one a channel, joined by ':': --set mean=A:B:C --set std=A:B:C."
            )
        both = (sum(values) / len(values) for values in (self.mean, self.std))
        mean, std = ((value,) for value in both)
        return self.model_copy(update={"mean": mean, "std": std})


TEST, CALIBRATED_SHARE = "test", 0.2
"""The split that thresholds may be set on in place of the calibration split, and how much of it where nobody says."""
DENSE = "dense"
"""The method that every other is compared with, found by name like any other."""


class Named(Block):
    """A plugin as it was chosen."""

    name: str
    """as announced, or a draft's place"""
    origin: str
    """distribution and version, or `draft` with a digest of the file"""
    settings: Values
    """every setting, defaults included"""
    spec: str
    """the shortest spec with these settings"""

    @property
    def label(self) -> str:
        """The spec for people to read: files, folders and drafts are named without the folders that they lay in."""
        try:
            return without_paths(self.spec) if re.search(r"[:/\\~]", self.spec) else self.spec
        except SeesawError:  # a stranger's record; its checks name the fault
            return self.spec


class Setup(Block):
    """The settings that were requested of a run; their digest and the seed are the run's identity."""

    task: Named
    task_version: Annotated[int, Field(ge=0)]
    task_identity: Values
    """of a user's own files, such as a digest of them; empty where settings and version are enough"""
    backbone: Named
    backbone_identity: Values = Field(default_factory=dict)
    """of the weights that the backbone begins with, such as a revision; empty where settings are enough"""
    inputs: Preprocessing | None = None
    """how images are scaled, where that is not the task's way but the weights' or a setting's"""
    method: Named
    exits: Named
    policies: list[Named]
    codecs: list[Named]
    meters: list[Named]
    recipe: Values
    """epochs, batch, optimiser, schedule, augmentation as used"""
    device: str
    weights: str | None
    """SHA-256 of the file of initial weights, if one was given"""
    cut: int | None = None
    """first stage of the server's part, where the method treats the two parts differently"""
    values: Literal["float16", "int8"] | None = None
    """type of the numbers in the packed weights that everything is measured with; none is float32"""
    lean: bool = False
    """whether layers with a predefined pattern (linear, convolutions) were to train existing weights alone"""
    calibrate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """share of the test split that thresholds were set on, and that was left out of it; none: the calibration split"""

    layout: Layout | None = None
    """how the training was laid over devices, and in which numbers; none: one device, float32"""

    @property
    def model(self) -> str:
        """The product `backbone_method`."""
        return f"{self.backbone.label}_{self.method.label}"

    @property
    def model_at_density(self) -> str:
        """The same with the method's density, also where the spec leaves it out: what rows are compared by."""
        return f"{self.backbone.label}_{self.method_at_density}"

    @property
    def method_at_density(self) -> str:
        """The method with its density, also where the spec leaves it out."""
        density, spec = self.method.settings.get("density"), self.method.label
        if density is None or re.search(r"[\[,]density=", spec):
            return spec
        name, _, inner = spec.partition("[")
        settings = ",".join(filter(None, (f"density={render(density)}", inner.removesuffix("]"))))
        return f"{name}[{settings}]"

    def digest(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 over all settings.

        Spellings do not count, nor do origins, but of drafts, nor settings that are left open (none, false or
        empty): so a plugin may get a new setting, open by default, and its old records keep their places.
        """
        return self._digest(set())

    def training_digest(self) -> str:
        """The digest of the settings of training alone, without those of packing and of measuring."""
        return self._digest({"policies", "codecs", "meters", "values", "calibrate"})

    def _digest(self, without: set[str]) -> str:
        values = self.model_dump(mode="json") | {key: [] for key in without}
        plugins = [values[key] for key in ("task", "backbone", "method", "exits")]
        for plugin in [*plugins, *values["policies"], *values["codecs"], *values["meters"]]:
            del plugin["spec"]
            if not plugin["origin"].startswith("draft"):
                del plugin["origin"]
        return digest_of(values)


def path_of(folder: Path, setup: Setup, digest: str, seed: int) -> Path:
    """`<task>-v<n>/<model>-<digest>/seed<k>.json`: names are cleaned, so nothing leaves the folder."""
    model = f"{slug(setup.backbone.name)}_{slug(setup.method.name)}-{digest}"
    return folder / task_of(setup) / model / f"seed{seed}.json"


def task_of(setup: Setup) -> str:
    """The folder of a task's records, `<task>-v<n>`."""
    return f"{slug(setup.task.name)}-v{setup.task_version}"


def board_of(setup: Setup) -> str:
    """The board that a record stands on: `<task>-v<n>`, and a digest behind it where the data are not the usual ones.

    Networks that were judged on different data are never ranked together: settings of the task, the identity of a
    user's own files, and a part of the test split that is left out set boards apart.
    """
    own = setup.task.spec.removeprefix(setup.task.name)
    if not own and not setup.task_identity and setup.calibrate is None:
        return task_of(setup)
    data = {"settings": setup.task.settings, "identity": setup.task_identity}
    data |= {} if setup.calibrate is None else {"calibrate": setup.calibrate}
    return f"{task_of(setup)}-{digest_of(data)[:6]}"


def task_and_version(board: str) -> tuple[str, int, bool]:
    """The task's name, its version, and whether its data are the usual ones, from a board's name."""
    match = re.fullmatch(r"(.+)-v(\d+)(-[0-9a-f]{6})?", board)
    return (match[1], int(match[2]), match[3] is None) if match else (board, 0, True)


def specs_of(setup: Setup) -> dict[str, list[str]]:
    """The specs that run a record again, by kind.

    Raises:
        SeesawError: it was made with a draft, whose code it does not hold.
    """
    one = {"task": setup.task, "backbone": setup.backbone, "method": setup.method, "exits": setup.exits}
    many = {"policies": setup.policies, "codecs": setup.codecs, "meters": setup.meters}
    named = {key: [value] for key, value in one.items()} | many
    return {key: [spec_of(plugin) for plugin in plugins] for key, plugins in named.items()}


def spec_of(plugin: Named) -> str:
    """The spec by which anyone finds a plugin that a record names.

    Raises:
        SeesawError: it is a draft.
    """
    spec = parse(plugin.spec)
    if plugin.origin.startswith("draft") or names_draft(plugin.spec) or spec.name != plugin.name:
        raise SeesawError(
            f"{plugin.name} is a draft, and a record holds no code. Announce it in a distribution to run it again."
        )
    return plugin.spec


def plan_of(setup: Setup) -> str:
    """The exits plan, the epochs, and the other settings that set a setup apart from others of its model."""
    epochs = setup.recipe.get("epochs")
    given = [] if setup.weights is None else ["weights given"]  # their training is in another record
    parts = [setup.exits.label, *given]
    parts += [] if given and epochs == 0 else [f"{epochs} epoch{'' if epochs == 1 else 's'}"]
    parts += [] if setup.task.spec == setup.task.name else [setup.task.label]
    parts += [] if setup.cut is None else [f"cut {setup.cut}"]
    parts += [] if setup.values is None else [f"{setup.values} weights"]
    parts += ["lean training"] if setup.lean else []
    parts += [] if setup.layout is None else setup.layout.plan()
    parts += [] if setup.calibrate is None else [f"calibrated on {setup.calibrate:.4g} of the test split"]
    return ", ".join(parts)


def parent_of(setup: Setup) -> str:
    """The training digest of the dense parent: the same setup with the method `dense`, no cut, not lean."""
    dense = Named(name=DENSE, origin="", settings={}, spec=DENSE)
    return setup.model_copy(update={"method": dense, "cut": None, "lean": False}).training_digest()


def has_constant_masks(setup: Setup) -> bool:
    """Whether no mask changes in training: the method is dense, or one whose patterns are laid before it."""
    return setup.method.name == DENSE or "Predefined" in (bases("method", setup.method.name) or ())


def calibrated_share(calibrate: str | None) -> float | None:
    """The share of the test split that `test` or `test:share` names; None where nothing does.

    Raises:
        SeesawError: it names none.
    """
    if calibrate is None:
        return None
    split, colon, text = calibrate.partition(":")
    try:
        share = float(text) if colon else CALIBRATED_SHARE
    except ValueError:
        share = 0.0
    if split != TEST or not 0 < share < 1:
        raise SeesawError(
            f"Thresholds cannot be set on {calibrate!r}. Write test, for {CALIBRATED_SHARE:.0%} of the test split, or another "
            "share of it: test:0.5."
        )
    return share
