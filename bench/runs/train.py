"""The first half of a run: a network built and trained, or built and given the weights that were trained before."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch

from bench.errors import SeesawError
from bench.kinds.backbone import Backbone
from bench.kinds.build import assemble, seeded, untrained
from bench.kinds.task import Data
from bench.machine import versions
from bench.network.net import Net
from bench.records.mirror import Mirror
from bench.records.notes import LEAN
from bench.records.reading import Reading
from bench.records.record import NEW_HEADS, EpochRow
from bench.records.store import Trained
from bench.runs.phases import Phases
from bench.runs.ranks import train_together
from bench.runs.request import ResolvedRun
from bench.runs.trained import give_weights
from bench.runs.training.budget import Budget
from bench.runs.training.callbacks import Log
from bench.runs.training.checkpoint import START_ANEW, Checkpoints
from bench.runs.training.codecs import codec_cuts
from bench.runs.training.overhead import NAME as OVERHEAD
from bench.runs.training.overhead import Overhead
from bench.runs.training.validation import Validation, validated
from bench.runs.training.world import World
from bench.shipping.packed.weights import Loaded, load_weights

log = logging.getLogger("seesaw")

RESULT = 9999
"""The number, among the checkpoints of calls, of the network that several processes have trained."""


class Watching(Protocol):
    """What is told of epochs and validations, such as a mirror."""

    run: Any
    """None where validations are not wanted"""

    def epoch(self, index: int, epoch: EpochRow) -> None:
        """An epoch has ended."""
        ...

    def validation(self, index: int, accuracy: list[float]) -> None:
        """The network was validated after an epoch."""
        ...


@dataclass(frozen=True)
class TrainedNet:
    """A network with its trained weights.

    Attributes:
        net: on the run's device.
        spent: steps trained over the steps of the recipe.
        epochs: of its training.
        overhead: the training's time beside the dense network's; None where it was too short to time.
        notes: for the record.
    """

    net: Net
    spent: float
    epochs: list[EpochRow]
    overhead: Reading | None
    notes: dict[str, Any] = field(default_factory=dict)


def checkpoints_of(run: ResolvedRun) -> Checkpoints:
    """The run's checkpoints, made with these versions and threads."""
    identity = {
        "run": f"{run.setup.digest()} seed {run.seed}",
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        **versions(),
    }
    return Checkpoints(run.files.checkpoints, identity)


def dense_parent(run: ResolvedRun) -> Callable[[], Net]:
    """A builder of the untrained dense parent on the run's device; random generators keep their state."""
    made: list[Net] = []

    def build() -> Net:
        if not made:
            with seeded(run.seed):
                made.append(assemble(run.backbone.plugin, run.about, run.exits.plugin))
        return copy.deepcopy(made[0]).to(run.device)

    return build


def train(
    run: ResolvedRun, data: Data, phases: Phases, mirror: Mirror, checkpoints: Checkpoints
) -> TrainedNet:
    """Build the network and let the method train it, here or by several processes, going on from the last checkpoint."""
    if run.layout.size == 1:
        return train_here(run, data, phases, mirror, checkpoints)
    return _train_together(run, phases, mirror, checkpoints)


def _train_together(run: ResolvedRun, phases: Phases, mirror: Mirror, checkpoints: Checkpoints) -> TrainedNet:
    """Let several processes train the network, and take it back."""

    def on_message(word: str, content: Any) -> None:
        if word == "at":
            phases.advance(*content)
        elif word == "epoch":
            mirror.epoch(content[0], EpochRow.model_validate(content[1]))
        else:
            mirror.validation(*content)

    with phases("ranks"):
        result = train_together(run, on_message, validate=mirror.run is not None)
    assert result is not None, "node 0 alone calls this"
    for name in ("dense steps", "train"):
        seconds = result["seconds"].get(name, 0.0)
        phases.add(name, seconds)
        phases.add("ranks", -min(seconds, phases.seconds["ranks"]))  # what is left is their start and end
    saved = Checkpoints(checkpoints.folder, result["identity"]).read(RESULT)
    if saved is None:
        raise SeesawError(f"The trained network is not in {checkpoints.folder}. {START_ANEW}")
    _, net, _ = _built(run, phases)
    saved.to_net(net)
    overhead = None if result["overhead"] is None else Reading.model_validate(result["overhead"])
    epochs = [EpochRow.model_validate(row) for row in result["epochs"]]
    return TrainedNet(net.eval(), result["spent"], epochs, overhead, result["notes"])


def train_here(
    run: ResolvedRun,
    data: Data,
    phases: Phases,
    mirror: Watching,
    checkpoints: Checkpoints,
    world: World | None = None,
) -> TrainedNet:
    """Build the network and let the method train it in this process, going on from the last checkpoint.

    Args:
        run: the request, resolved.
        data: the task's splits.
        phases: the run's clock.
        mirror: is told of epochs and validations.
        checkpoints: of the run.
        world: the processes that train with this one.
    """
    world = world or World(run.layout)
    built, net, loaded = _built(run, phases)
    _check_batch(run, net, data)
    for codec in run.learned_codecs:
        codec_cuts(codec, net)
    journal = Log(report=partial(phases.advance, "train"), ended=mirror.epoch, checkpoints=checkpoints)
    budget = _budget(run, data, journal, world)
    dense = Overhead(dense_parent(run), budget, run.exits.plugin)
    with phases("dense steps"):
        dense.probe()
    validation = (
        Validation(data.calibration, data.scale, mirror.validation) if mirror.run is not None else None
    )
    with phases("train"), validated(validation):
        begun = budget.clock()
        run.exits.plugin.fit(net, budget, run.method.plugin)
        between = budget.clock() - begun - journal.lent
    with phases("dense steps"):
        dense.probe()
    if loaded is not None and not journal.steps:
        loaded.check(net)
    phases.add("train", journal.earlier_seconds)
    notes = _built_notes(run, built, loaded) | ({LEAN: journal.products} if journal.products else {})
    return TrainedNet(net, budget.spent, journal.epochs, dense.reading(between + journal.work), notes)


def _check_batch(run: ResolvedRun, net: Net, data: Data) -> None:
    """See that a network can be trained in batches of this size; one that the data cannot fill is smaller, with a word.

    Raises:
        SeesawError: its normalisation needs more samples.
    """
    batch, samples = run.recipe.batch, len(data.train.labels)
    if not run.recipe.epochs:
        return
    if batch > samples:
        log.warning(
            "batch=%s is more than the %s training samples: a step takes all of them.", batch, samples
        )
    ghost = copy.deepcopy(net).to("meta").train()
    try:
        with torch.no_grad():
            ghost(net.sample.blank(min(batch, samples), "meta"))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise SeesawError(
            f"{run.setup.model} normalises over a batch, and one of {min(batch, samples)} gives it a single value. "
            "Train in larger batches (--set batch=2 or more), or choose a backbone without batch normalisation."
        ) from error


def trained_before(run: ResolvedRun, data: Data, phases: Phases, earlier: Trained) -> TrainedNet:
    """Build the network and give it the weights of an earlier run of the same training."""
    built, net, loaded = _built(run, phases)
    give_weights(net, earlier)
    record = earlier.record
    budget = _budget(run, data, Log(epochs=list(record.training)))
    phases.add("train", record.seconds.get("train", 0.0))
    origin = {"created": record.created, "commit": record.commit}
    notes = _built_notes(run, built, loaded) | {"trained": record.notes.get("trained", origin)}
    notes |= {key: record.notes[key] for key in (LEAN,) if key in record.notes}
    return TrainedNet(net, budget.spent, budget.log.epochs, record.net.get(OVERHEAD), notes)


def _built(run: ResolvedRun, phases: Phases) -> tuple[Backbone, Net, Loaded | None]:
    """The network before training, with the same initial weights for every method of a seed."""
    plugins = run.backbone.plugin, run.method.plugin, run.exits.plugin
    with phases("build"):
        built, net = untrained(*plugins, run.about, cut=run.setup.cut, seed=run.seed)
        weights = run.request.weights
        loaded = None if weights is None else load_weights(net, weights, new_heads=run.recipe.epochs > 0)
    return built, net.to(run.device), loaded


def _budget(run: ResolvedRun, data: Data, log: Log, world: World | None = None) -> Budget:
    loss, setup = run.exits.plugin.loss, run.setup
    return Budget(
        data.lent, run.recipe, loss, run.seed, run.device, log, lean=setup.lean, cut=setup.cut,
        world=world,
    )  # fmt: skip


def _built_notes(run: ResolvedRun, built: Backbone, loaded: Loaded | None) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    if built != run.backbone.plugin:
        notes["backbone as built"] = built.model_dump(mode="json")
    if loaded is not None:
        notes["weights matched"] = loaded.matched
        if loaded.left_out:
            notes[NEW_HEADS] = list(loaded.left_out)
    return notes
