"""RunRequest: one run, by specs. ResolvedRun: the same with its plugins found and its settings checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from bench.arrays import hold_plain
from bench.errors import SeesawError
from bench.files import OWN
from bench.kinds.backbone import Backbone
from bench.kinds.bases.early_exits import EarlyExits
from bench.kinds.bases.learned_codec import LearnedCodec
from bench.kinds.bases.predefined import Predefined
from bench.kinds.codec import Codec
from bench.kinds.exits import Exits
from bench.kinds.meter import Meter
from bench.kinds.method import Method
from bench.kinds.policy import Policy, decides_alone
from bench.kinds.task import About, Data, Task, data_of, hold_out
from bench.machine import pick_device
from bench.network.sparse.values import ValueType, value_type
from bench.plugins.plugin import Choice, Plugin, choose, entries
from bench.plugins.spec import render, split_model, value_without_folders
from bench.records.layout import ALONE, Layout, deal, layout_of
from bench.records.record import Record
from bench.records.run_files import RunFiles
from bench.records.setup import DENSE, TEST, Named, Recipe, Setup, calibrated_share, specs_of
from bench.records.store import Store, Trained
from bench.runs import defaults
from bench.runs.inputs import announce, preprocessing


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """One run: its specs, seed and places. `seesaw run` fills it from its options."""

    task: str
    model: str
    exits: str = "joint"
    policies: tuple[str, ...] = defaults.POLICIES
    codecs: tuple[str, ...] = defaults.CODECS
    meters: tuple[str, ...] = defaults.METERS
    seed: int = 0
    recipe: dict[str, str] = field(default_factory=dict)
    """settings of the recipe to change, such as epochs"""
    device: str = "auto"
    devices: int = 1
    """of each node, one process for each; of a CPU, processes that share its cores"""
    nodes: int = 1
    """machines, on each of which the same command runs"""
    strategy: str = "auto"
    """of Lightning, where several processes train: ddp"""
    precision: str = "32"
    """of forward and backward passes in training: 32 or bf16-mixed"""
    compile: bool = False
    """whether the network is compiled for training"""
    accumulate: int = 1
    """into how many parts a step's samples are divided in each process, where memory is short"""
    weights: Path | None = None
    """safetensors or state-dict file to start from"""
    cut: int | None = None
    """first stage of the server's part; only for methods that treat the two parts differently"""
    values: str = "float32"
    """type of the numbers in the packed weights"""
    lean: bool = False
    """train only existing weights of layers with a predefined pattern (linear, convolutions)"""
    calibrate: str | None = None
    """`test` or `test:share`: set thresholds on so much of the test split, which is left out of it then"""
    data: Path = Path("data")
    records: Path = OWN
    runs: Path = Path("runs")
    """where weights, traces and checkpoints are kept"""
    timing_threads: int = 1
    """of PyTorch on the CPU while timings are taken; training has as many as PyTorch is set to"""
    neighbours: bool = False
    """whether other runs are at work on this machine, and must come to rest before timings are taken"""

    @classmethod
    def of(cls, record: Record, **places: Any) -> RunRequest:
        """The request that a record was made by, with other places (`data`, `records`, `runs`).

        Raises:
            SeesawError: it was made with a draft or from a file of weights, neither of which it contains.
        """
        setup, specs = record.setup, specs_of(record.setup)
        if setup.weights is not None:
            raise SeesawError(
                "This record began from a file of weights, which it does not hold. Run it by hand."
            )
        return cls(
            task=specs["task"][0],
            model=f"{specs['backbone'][0]}_{specs['method'][0]}",
            exits=specs["exits"][0],
            policies=tuple(specs["policies"]),
            codecs=tuple(specs["codecs"]),
            meters=tuple(specs["meters"]),
            seed=record.seed,
            recipe={key: render(value) for key, value in setup.recipe.items()},
            device=setup.device,
            cut=setup.cut,
            values=setup.values or "float32",
            lean=setup.lean,
            calibrate=None if setup.calibrate is None else f"{TEST}:{setup.calibrate!r}",
            **_layout_options(setup.layout or ALONE),
            timing_threads=record.timing_threads or 1,
            **places,
        )

    @property
    def store(self) -> Store:
        """The store of its record and its run's folder."""
        return Store(self.records, self.runs)


@dataclass(frozen=True)
class ResolvedRun:
    """A request with its plugins found and its settings checked: everything that can fail before work begins."""

    request: RunRequest
    task: Choice[Task]
    about: About
    backbone: Choice[Backbone]
    method: Choice[Method]
    exits: Choice[Exits]
    policies: list[Choice[Policy]]
    codecs: list[Choice[Codec]]
    meters: list[Choice[Meter]]
    recipe: Recipe
    device: torch.device
    setup: Setup

    @classmethod
    def of(cls, request: RunRequest) -> ResolvedRun:
        """Find every plugin of a request.

        Raises:
            SeesawError: a spec, a setting of the recipe or the device is wrong.
        """
        _check_values(request)
        backbone_text, method_text = split_model(request.model, entries("backbone"))
        task = choose(Task, request.task)
        backbone, method = choose(Backbone, backbone_text), choose(Method, method_text or DENSE)
        exits = choose(Exits, request.exits)
        policies = [choose(Policy, text) for text in request.policies]
        if streams := next((one.spec for one in policies if not decides_alone(one.plugin)), None):
            raise SeesawError(
                f"{streams} decides on a stream of samples, not on one. Leave it out here, and replay it on the trace that "
                f"the run leaves in its folder: seesaw replay --trace FOLDER --policy '{streams}'."
            )
        codecs = [choose(Codec, text) for text in request.codecs]
        meters = [choose(Meter, text) for text in request.meters]
        for kind, chosen in (("policy", policies), ("codec", codecs), ("meter", meters)):
            specs = [one.spec for one in chosen]
            if twice := next((spec for spec in specs if specs.count(spec) > 1), None):
                raise SeesawError(f"The {kind} {twice} is named twice. Name it once.")
        if method.plugin.sided and request.cut is None:
            raise SeesawError(f"{method.spec} has to know the cut. Name it: --cut K (CUT=K).")
        values = value_type(request.values)
        known = task.plugin.about()
        usual = known.recipe
        changed = Recipe.read("the recipe", {"epochs": str(usual.epochs)} | dict(request.recipe))
        recipe = usual.model_copy(update={key: getattr(changed, key) for key in request.recipe})
        digest = None if request.weights is None else _digest(request.weights)
        inputs = preprocessing(task, known.sample, backbone.plugin, recipe, request.weights, digest)
        about = (task.plugin if inputs is None else task.plugin.fitted(inputs)).about()
        names = about.names or task.plugin.names_below(request.data)
        about = replace(about, names=names, inputs=inputs)
        announce(inputs, about)
        early = isinstance(exits.plugin, EarlyExits)
        ready = backbone.plugin.for_task(names, inputs).trained(about.classes) and not early
        if not recipe.epochs and request.weights is None and not ready:
            raise SeesawError(
                "Without epochs and without weights a random network would be measured. Train it (epochs=1 or more), or name "
                "its weights: --weights FILE."
            )
        shape = about.sample.shape
        if (recipe.crop or recipe.flip or recipe.zoom or recipe.mixup) and len(shape) != 3:
            what = "A text" if about.sample.vocabulary else f"A sample of shape {shape}"
            raise SeesawError(
                f"{what} is neither cropped nor mirrored nor mixed. Leave crop, flip, zoom and mixup out of the recipe."
            )
        images = [one.spec for one in codecs if one.plugin.content == "input"]
        if images and (len(shape) != 3 or about.sample.vocabulary):
            raise SeesawError(
                f"{images[0]} sends images, and {task.spec} has other samples. Leave it out of the codecs."
            )
        if recipe.crop and recipe.crop >= min(shape[1:]):
            raise SeesawError(
                f"crop={recipe.crop} may move an image of {shape[1]} x {shape[2]} out of sight. Take fewer pixels than its sides."
            )
        device = pick_device(request.device)
        layout = layout_of(
            request.devices,
            request.nodes,
            request.strategy,
            request.precision,
            request.compile,
            request.accumulate,
        )
        _check_layout(layout or ALONE, recipe, lean=request.lean)
        setup = Setup(
            task=_named(task),
            task_version=task.plugin.version,
            task_identity=task.plugin.identity(request.data),
            backbone=_named(backbone),
            backbone_identity=backbone.plugin.identity(),
            inputs=inputs,
            method=_named(method),
            exits=_named(exits),
            policies=[_named(one) for one in policies],
            codecs=[_named(one) for one in codecs],
            meters=[_named(one) for one in meters],
            recipe=recipe.settings(),
            device=device.type,
            weights=digest,
            cut=request.cut if method.plugin.sided else None,
            values=None if values == "float32" else values,
            lean=request.lean and isinstance(method.plugin, Predefined),
            calibrate=calibrated_share(request.calibrate),
            layout=layout,
        )
        return cls(
            request, task, about, backbone, method, exits, policies, codecs, meters, recipe, device, setup
        )

    def splits(self) -> Data:
        """The task's splits; with a part of the test split in place of the calibration split where that was asked for.

        Raises:
            SeesawError: files are absent, or the test split is too small to be parted.
        """
        data = data_of(self.task.plugin, self.setup.inputs, self.request.data, self.seed)
        if self.setup.calibrate is None:
            return data
        rest, out = hold_out(data.test, max(1, round(self.setup.calibrate * len(data.test.labels))))
        return replace(data, calibration=out, test=rest)

    @property
    def feature_codecs(self) -> list[Choice[Codec]]:
        """The codecs of features that need no training, for the inner cuts."""
        codecs = (one for one in self.codecs if one.plugin.content == "feature")
        return [one for one in codecs if not isinstance(one.plugin, LearnedCodec)]

    @property
    def learned_codecs(self) -> list[Choice[LearnedCodec]]:
        """The codecs that are trained for the network, at the inner cuts that they name."""
        return [
            Choice(one.plugin, one.name, one.origin, one.place)
            for one in self.codecs
            if isinstance(one.plugin, LearnedCodec)
        ]

    @property
    def input_codecs(self) -> list[Choice[Codec]]:
        """The codecs of inputs, for cut 0, beside those that are measured there anyway."""
        return [one for one in self.codecs if one.plugin.content == "input"]

    @property
    def layout(self) -> Layout:
        """How the training is laid over devices."""
        return self.setup.layout or ALONE

    @property
    def values(self) -> ValueType:
        """Type of the numbers in the packed weights."""
        return self.setup.values or "float32"

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.request.seed

    @property
    def store(self) -> Store:
        """The store of its record and its folder."""
        return self.request.store

    @property
    def path(self) -> Path:
        """Where the record is, or will be."""
        return self.store.run_record(self.setup, self.seed)

    @property
    def files(self) -> RunFiles:
        """The files in the run's own folder: weights, traces and checkpoints."""
        return self.store.run_files(self.path)

    @property
    def is_done(self) -> bool:
        """Whether the run has its record, and is not half-way through running again."""
        return self.path.exists() and not self.files.again_marker.exists()

    def trained(self) -> Trained | None:
        """The network that was trained before, whatever was measured of it; None without its weights."""
        return self.store.trained(self.setup, self.seed)

    @property
    def title(self) -> str:
        """The run in one line, for the console."""
        setup, place = self.setup, ", ".join([f"on {self.device.type}", *self.layout.plan()])
        return f"{setup.task.label}  {setup.model_at_density}  {setup.exits.label}  seed {self.seed}  {place}"


def _check_values(request: RunRequest) -> None:
    """See that the seed is one, and that policies, codecs and meters are named; nothing is loaded for it.

    Raises:
        SeesawError: they are not.
    """
    seed: object = request.seed
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 1 << 53:
        raise SeesawError(f"The seed is {seed!r}. Take a whole number from 0 below 2^53.")
    for name in ("policies", "codecs", "meters"):
        specs: object = getattr(request, name)
        if isinstance(specs, str):
            raise SeesawError(f"{name}={specs!r} is a text. Give a tuple of specs: {name}=({specs!r},).")
        if not specs:
            raise SeesawError(f"{name} names nothing. Name one at least, or leave it out.")


def _layout_options(layout: Layout) -> dict[str, Any]:
    """The fields of a request that a layout was made of."""
    return {
        "devices": layout.devices or 1,
        "nodes": layout.nodes or 1,
        "precision": layout.precision or "32",
        "compile": layout.compiled,
        "accumulate": layout.accumulate or 1,
    }


def _check_layout(layout: Layout, recipe: Recipe, *, lean: bool) -> None:
    """See that a layout fits the recipe and the way of training; whether the devices are here is seen by who trains.

    Raises:
        SeesawError: it does not.
    """
    if lean and layout.precision is not None:
        raise SeesawError(
            f"--lean trains by kernels that compute in float32, and --precision {layout.precision} asks for other numbers. "
            "Leave one out."
        )
    deal(recipe.batch, layout)


def _named(choice: Choice[Any]) -> Named:
    plugin: Plugin = choice.plugin
    settings = {key: value_without_folders(one) for key, one in plugin.model_dump(mode="json").items()}
    return Named(name=choice.name, origin=choice.origin, settings=settings, spec=choice.spec)


def _digest(path: Path) -> str:
    try:
        hold_plain(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise SeesawError(f"{path} cannot be read ({error.strerror}). Give a file of weights.") from error
