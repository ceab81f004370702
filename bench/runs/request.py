"""Order: what one run is. Plan: the same with its plugins found and its settings checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.errors import SeesawError
from bench.kinds.backbone import Backbone
from bench.kinds.bases.predefined import Predefined
from bench.kinds.codec import Codec
from bench.kinds.exits import Exits
from bench.kinds.meter import Meter
from bench.kinds.method import Method
from bench.kinds.policy import Policy, decides_alone
from bench.kinds.task import About, Recipe, Task
from bench.network.sparse.values import KINDS, Kind
from bench.plugins.plugin import Choice, Plugin, choose, entries
from bench.plugins.spec import split_model
from bench.records import record as records
from bench.runs import defaults

DENSE = "dense"
"""The method that every other is compared with, found by name like any other."""


@dataclass(frozen=True)
class Order:
    """What one run is: specs, seed and places. `seesaw run` fills it from its options."""

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
    weights: Path | None = None
    """safetensors or state-dict file to start from"""
    cut: int | None = None
    """the first stage of the server's part, where a method or a plan has to know it"""
    values: str = "float32"
    """type of the numbers in the packed weights"""
    lean: bool = False
    """train predefined linear layers on the weights that exist alone"""
    data: Path = Path("data")
    records: Path = Path("leaderboards/records")
    runs: Path = Path("runs")
    """where weights, traces and checkpoints are kept"""
    neighbours: bool = False
    """whether other runs are at work on this machine, and must come to rest before timings are taken"""


@dataclass(frozen=True)
class Plan:
    """An order with its plugins found and its settings checked: everything that can fail before work begins."""

    order: Order
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
    setup: records.Setup

    @classmethod
    def of(cls, order: Order) -> Plan:
        """Find every plugin of an order.

        Raises:
            SeesawError: a spec, a setting of the recipe or the device is wrong.
        """
        backbone_text, method_text = split_model(order.model, entries("backbone"))
        task = choose(Task, order.task)
        backbone, method = choose(Backbone, backbone_text), choose(Method, method_text or DENSE)
        exits = choose(Exits, order.exits)
        policies = [choose(Policy, text) for text in order.policies]
        if streams := next((one.spec for one in policies if not decides_alone(one.plugin)), None):
            raise SeesawError(
                f"{streams} decides on a stream of samples, not on one. Leave it out here, and replay it on the trace that "
                f"the run leaves in its folder: seesaw replay --trace FOLDER --policy '{streams}'."
            )
        codecs = [choose(Codec, text) for text in order.codecs]
        meters = [choose(Meter, text) for text in order.meters]
        for kind, chosen in (("policy", policies), ("codec", codecs), ("meter", meters)):
            specs = [one.spec for one in chosen]
            if twice := next((spec for spec in specs if specs.count(spec) > 1), None):
                raise SeesawError(f"The {kind} {twice} is named twice. Name it once.")
        if method.plugin.sided and order.cut is None:
            raise SeesawError(f"{method.spec} has to know the cut. Name it: --cut K (CUT=K).")
        values: Kind | None = next((kind for kind in KINDS if kind == order.values), None)
        if values is None:
            raise SeesawError(f"There are no values {order.values!r}. Choose {', '.join(KINDS)}.")
        about = task.plugin.about()
        usual = about.recipe
        changed = Recipe.read("the recipe", {"epochs": str(usual.epochs)} | dict(order.recipe))
        recipe = usual.model_copy(update={key: getattr(changed, key) for key in order.recipe})
        if about.sample.vocabulary and (recipe.crop or recipe.flip):
            raise SeesawError(
                "A text is neither cropped nor mirrored. Leave crop and flip out of the recipe."
            )
        device = pick_device(order.device)
        setup = records.Setup(
            task=_named(task),
            task_version=task.plugin.version,
            task_identity=task.plugin.identity(order.data),
            backbone=_named(backbone),
            backbone_identity=backbone.plugin.identity(),
            method=_named(method),
            exits=_named(exits),
            policies=[_named(one) for one in policies],
            codecs=[_named(one) for one in codecs],
            meters=[_named(one) for one in meters],
            recipe=recipe.model_dump(mode="json"),
            device=device.type,
            weights=None if order.weights is None else _digest(order.weights),
            cut=order.cut if method.plugin.sided else None,
            values=None if values == "float32" else values,
            lean=order.lean and isinstance(method.plugin, Predefined),
        )
        return cls(
            order, task, about, backbone, method, exits, policies, codecs, meters, recipe, device, setup
        )

    @property
    def values(self) -> Kind:
        """Type of the numbers in the packed weights."""
        return self.setup.values or "float32"

    @property
    def path(self) -> Path:
        """Where the record is, or will be."""
        return records.path_of(self.order.records, self.setup, self.setup.digest(), self.order.seed)

    def parent(self) -> Path | None:
        """The record of the dense parent with the same seed, if that has been run."""
        return dense_of(self.setup, self.order.seed, self.order.records)

    def folder(self) -> Path:
        """The run's own folder, for weights and traces."""
        return self.run_of(self.path)

    def run_of(self, record: Path) -> Path:
        """The folder of the run that made a record."""
        return self.order.runs / record.relative_to(self.order.records).with_suffix("")


def dense_of(setup: records.Setup, seed: int, folder: Path) -> Path | None:
    """The record of a setup's dense parent with this seed, if it lies below a folder of records."""
    alone = {"method": _named(choose(Method, DENSE)), "cut": None, "values": None, "lean": False}
    dense = setup.model_copy(update=alone)
    path = records.path_of(folder, dense, dense.digest(), seed)
    return path if path.exists() else None


def pick_device(name: str) -> torch.device:
    """`auto` takes cuda, else mps, else cpu.

    Raises:
        SeesawError: the device is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, present in there.items() if present)
    if not there.get(name, False):
        present = ", ".join(device for device, is_there in there.items() if is_there)
        raise SeesawError(f"There is no device {name!r} here. Choose auto, {present}.")
    return torch.device(name)


def _named(choice: Choice[Any]) -> records.Named:
    plugin: Plugin = choice.plugin
    return records.Named(
        name=choice.name, origin=choice.origin, settings=plugin.model_dump(mode="json"), spec=choice.spec
    )


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise SeesawError(f"{path} cannot be read ({error.strerror}). Give a file of weights.") from error
