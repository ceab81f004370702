"""run(): build, train, pack, trace, measure -> Record."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench import record as records
from bench.backbone import Backbone
from bench.codec import Codec
from bench.crossing import crossings
from bench.errors import SeesawError
from bench.exits import Exits
from bench.lit import Budget, Log
from bench.machine import commit, machine, versions
from bench.meter import Found, Meter, Reading, Readings, Subject
from bench.meters.macs import Tariff
from bench.method import Method
from bench.net import Net
from bench.plugin import Choice, Plugin, choose, split_model
from bench.policy import Policy, Reference
from bench.record import Record
from bench.replay.curve import curve
from bench.sparse.mask import Layer, density, layers, mask_of, pattern_of
from bench.sparse.pack import packings, restore, unpack
from bench.task import Data, Recipe, Task
from bench.trace import Trace, topk, trace

DENSE = "dense"
"""The method that every other is compared with, found by name like any other."""

Report = Callable[[str, float, float, str], None]
"""Called with the phase, work done, work expected and a short line."""


@dataclass(frozen=True)
class Order:
    """What one run is: specs, seed and places. `seesaw run` fills it from its options."""

    task: str
    model: str
    exits: str = "joint"
    policies: tuple[str, ...] = ("confidence", "entropy", "fixed", "oracle")
    codecs: tuple[str, ...] = ("float32", "float16", "int8")
    meters: tuple[str, ...] = ("macs", "storage", "latency", "memory", "energy")
    seed: int = 0
    recipe: dict[str, str] = field(default_factory=dict)
    """settings of the recipe to change, such as epochs"""
    device: str = "auto"
    weights: Path | None = None
    """safetensors or state-dict file to start from"""
    data: Path = Path("data")
    records: Path = Path("leaderboards/records")
    runs: Path = Path("runs")
    """where weights and traces are kept"""


@dataclass(frozen=True)
class Plan:
    """An order with its plugins found and its settings checked: everything that can fail before work begins."""

    order: Order
    task: Choice[Task]
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
        backbone_text, method_text = split_model(order.model)
        task = choose(Task, order.task)
        backbone, method = choose(Backbone, backbone_text), choose(Method, method_text or DENSE)
        exits = choose(Exits, order.exits)
        policies = [choose(Policy, text) for text in order.policies]
        codecs = [choose(Codec, text) for text in order.codecs]
        meters = [choose(Meter, text) for text in order.meters]
        changed = Recipe.read("the recipe", {"epochs": str(task.plugin.recipe.epochs)} | dict(order.recipe))
        recipe = task.plugin.recipe.model_copy(update={key: getattr(changed, key) for key in order.recipe})
        device = pick_device(order.device)
        setup = records.Setup(
            task=_named(task),
            task_version=task.plugin.version,
            task_identity=task.plugin.identity(order.data),
            backbone=_named(backbone),
            method=_named(method),
            exits=_named(exits),
            policies=[_named(one) for one in policies],
            codecs=[_named(one) for one in codecs],
            meters=[_named(one) for one in meters],
            recipe=recipe.model_dump(mode="json"),
            device=device.type,
            weights=None if order.weights is None else _digest(order.weights),
        )
        return cls(order, task, backbone, method, exits, policies, codecs, meters, recipe, device, setup)

    @property
    def path(self) -> Path:
        """Where the record is, or will be."""
        return records.path_of(self.order.records, self.setup, self.setup.digest(), self.order.seed)

    def parent(self) -> Path | None:
        """The record of the dense parent with the same seed, if that has been run."""
        dense = self.setup.model_copy(update={"method": _named(choose(Method, DENSE))})
        path = records.path_of(self.order.records, dense, dense.digest(), self.order.seed)
        return path if path.exists() else None

    def folder(self) -> Path:
        """The run's own folder, for weights and traces."""
        return self.order.runs / self.path.relative_to(self.order.records).with_suffix("")


def run(order: Order, report: Report = lambda phase, done, total, line: None) -> Record:
    """Train one network, measure it, and write its record, its packed weights and its traces.

    Raises:
        SeesawError: anything that the user can mend.
    """
    return Run(Plan.of(order), report).go()


class Run:
    """One run, phase by phase."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self.plan, self.order, self.report = plan, plan.order, report
        self.seconds: dict[str, float] = {}
        self.backbone = plan.backbone.plugin

    def go(self) -> Record:
        """All phases, in order."""
        plan = self.plan
        _writable(plan.order.records)
        with self._phase("data") as done:
            data = plan.task.plugin.data(self.order.data, self.order.seed)
            done(1, 1, f"{len(data.train.labels)} training samples")
        with self._phase("build"):
            net = self.build()
        with self._phase("train") as done:
            log = Log(report=done)
            budget = Budget(data, plan.recipe, plan.exits.plugin.loss, self.order.seed, plan.device, log)
            plan.exits.plugin.fit(net, budget, plan.method.plugin)
        with self._phase("pack"):
            net = self.repack(net)
        with self._phase("trace"):
            traces = self.trace(net, data)
        with self._phase("cuts") as done:
            crossed = crossings(net, data, data.test, plan.codecs, plan.device, done)
        found = []
        for meter in plan.meters:
            with self._phase(meter.name) as done:
                found.append(meter.plugin.measure(Subject(net, plan.device, done)))
        record = self.write_down(net, budget, traces, crossed, found)
        record.save(self.order.records)
        return record

    @contextmanager
    def _phase(self, name: str) -> Iterator[Callable[[float, float, str], None]]:
        begun = time.perf_counter()
        self.report(name, 0, 0, "")
        yield lambda done, total, line: self.report(name, done, total, line)
        self.seconds[name] = round(time.perf_counter() - begun, 3)
        self.report(name, 1, 1, "")

    def build(self) -> Net:
        """The network before training, with its heads: the same initial weights for every method of a seed."""
        plan = self.plan
        self.backbone = plan.method.plugin.reshape(plan.backbone.plugin, self._on_meta)
        torch.manual_seed(self.order.seed)
        net = assemble(self.backbone, plan.task.plugin, plan.exits.plugin)
        if self.order.weights is not None:
            load_weights(net, self.order.weights)
        return net.to(plan.device)

    def _on_meta(self, backbone: Backbone) -> Net:
        with torch.device("meta"):
            return assemble(backbone, self.plan.task.plugin, self.plan.exits.plugin)

    def repack(self, net: Net) -> Net:
        """Write the network in its smallest packed format, and go on with what is read back."""
        net.cpu().eval()
        packed = packings(net)
        form = min(packed, key=lambda name: len(packed[name]))
        folder = self.plan.folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / "weights.safetensors"
            draft = file.with_name(f".{file.name}.{os.getpid()}")
            draft.write_bytes(packed[form])
            os.replace(draft, file)
        except OSError as error:
            raise SeesawError(
                f"The weights cannot be written to {folder} ({error.strerror}). "
                "Free or unlock that folder, or name another with --runs FOLDER."
            ) from error
        restore(net, file.read_bytes())
        return net.to(self.plan.device)

    def trace(self, net: Net, data: Data) -> tuple[Trace, Trace]:
        """The calibration and the test trace, kept in the run's folder."""
        tariff = Tariff.of(net)
        costs = torch.tensor([tariff.upto(stage, effective=True) for stage in net.exits], dtype=torch.float64)
        traces = tuple(
            trace(net, data, split, costs, self.plan.device) for split in (data.calibration, data.test)
        )
        for name, one in zip(("calibration", "test"), traces, strict=True):
            one.save(self.plan.folder() / f"{name}.safetensors", split=name)
        return traces[0], traces[1]

    def write_down(
        self,
        net: Net,
        budget: Budget,
        traces: tuple[Trace, Trace],
        crossed: dict[int, Readings],
        found: list[Found],
    ) -> Record:
        """The record of everything measured."""
        plan, (calibration, test) = self.plan, traces
        head, dirty = commit()
        notes: dict[str, Any] = {key: value for one in found for key, value in one.notes.items()}
        if self.backbone != plan.backbone.plugin:
            notes["backbone as built"] = self.backbone.model_dump(mode="json")
        if severed := [name for name, layer in layers(net).items() if _severed(layer)]:
            notes["disconnected layers"] = severed
        return Record(
            digest=plan.setup.digest(),
            seed=self.order.seed,
            setup=plan.setup,
            budget=budget.spent,
            exits=[
                records.Exit(
                    stage=stage,
                    readings=_accuracy(test, number) | _merged(one.exits.get(number, {}) for one in found),
                )
                for number, stage in enumerate(net.exits)
            ],
            cuts=[
                records.Cut(
                    before=k,
                    shape=list(net.shapes[k - 1] if k else net.sample.shape),
                    readings=crossed.get(k, {}) | _merged(one.cuts.get(k, {}) for one in found),
                )
                for k in range(len(net.stages) + 1)
            ],
            curves=[_curve(choice, calibration, test) for choice in plan.policies],
            layers=[
                records.Layer(
                    name=name,
                    shape=list(layer.get_parameter("weight").shape),
                    density=density(layer),
                    pattern=pattern_of(layer),
                )
                for name, layer in layers(net).items()
            ],
            net=_merged(one.net for one in found),
            absent={key: why for one in found for key, why in one.absent.items()},
            notes=notes,
            training=[
                records.EpochRow(steps=e.steps, loss=e.loss, accuracy=e.accuracy, lr=e.lr)
                for e in budget.log.epochs
            ],
            seconds=self.seconds,
            machine=machine(plan.device),
            versions=versions(),
            commit=head,
            dirty=dirty,
        )


def assemble(backbone: Backbone, task: Task, exits: Exits) -> Net:
    """A backbone's stages with the plan's heads hung on them."""
    net = Net(backbone.stages(task.sample), task.sample, task.classes)
    shares = Tariff.of(net).shares()
    exits.hang(net, shares, lambda stage: backbone.head(net.shape(stage), task.classes))
    if not net.exits or net.exits[-1] != len(net.stages) - 1:
        raise SeesawError(f"The exits plan {type(exits).__name__} hangs no head on the last stage. It must.")
    return net


def load_weights(net: Net, path: Path) -> None:
    """Start from a file: tensors by their names here, else in their order, as published checkpoints have them.

    A safetensors file keeps no order, so its names must be those of this network; a run's own packed file has
    them.

    Raises:
        SeesawError: no such file, nothing but plain tensors allowed in it, or shapes that do not fit.
    """
    found = {k: v for k, v in _tensors(path).items() if not k.endswith("num_batches_tracked")}
    own = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    if found.keys() != own.keys():
        if path.suffix == ".safetensors":
            raise SeesawError(
                f"{path} names its tensors otherwise ({next(iter(found), 'none')}, here {next(iter(own))}), and a "
                "safetensors file keeps no order to go by. Give the PyTorch file, or rename its tensors."
            )
        if len(found) != len(own):
            raise SeesawError(
                f"{path} holds {len(found)} tensors and the network has {len(own)}. Choose the backbone's settings "
                "to fit the file; heads of early exits are usually not in it: EXITS=single."
            )
        found = dict(zip(own, found.values(), strict=True))
    for name, tensor in own.items():
        if found[name].shape != tensor.shape:
            raise SeesawError(
                f"{path} has a tensor of shape {tuple(found[name].shape)} where {name} is {tuple(tensor.shape)}. "
                "Choose the backbone's settings to fit the file."
            )
    net.load_state_dict(found, strict=False)


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, or of a PyTorch file opened without running anything in it."""
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
            return (
                unpack(path.read_bytes())[0]
                if any(k.endswith(".weight.values") for k in tensors)
                else tensors
            )
        content: Any = torch.load(path, "cpu", weights_only=True)
        content = content.get("state_dict", content)
        if not all(isinstance(value, torch.Tensor) for value in content.values()):
            raise ValueError("it holds more than tensors")
    except Exception as error:  # damaged pickles raise almost anything; weights_only runs none of them
        raise SeesawError(
            f"{path} cannot be read as weights ({str(error).splitlines()[0]}). Give a safetensors file or a state dict."
        ) from error
    return content


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


def _severed(layer: Layer) -> bool:
    mask = mask_of(layer)
    return mask is not None and not bool(mask.any())


def _merged(found: Any) -> Readings:
    return {name: reading for readings in found for name, reading in readings.items()}


def _accuracy(test: Trace, number: int) -> Readings:
    logits, n = test.logits[number], len(test.labels)
    return {
        f"top{k}": Reading(value=topk(logits, test.labels, k), unit="share", source="test split", n=n)
        for k in (1, 5)
    }


def _curve(choice: Choice[Policy], calibration: Trace, test: Trace) -> records.Curve:
    points = [
        records.Point(
            thresholds=[]
            if one.thresholds is None
            else [v if abs(v) != float("inf") else None for v in one.thresholds.tolist()],
            accuracy=one.accuracy,
            macs=one.cost,
            shares=one.shares.tolist(),
        )
        for one in curve(choice.plugin, calibration, test)
    ]
    return records.Curve(policy=choice.spec, reference=isinstance(choice.plugin, Reference), points=points)


def _writable(folder: Path) -> None:
    """Find out before training, not after it, that the record cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SeesawError(
            f"Records cannot be written to {folder} ({error.strerror}). "
            "Unlock or free that folder, or name another with --records FOLDER."
        ) from error
