"""Callbacks beside the steps of training: methods' hooks, masks, counts, the log and the checkpoints.

Lightning calls callbacks in the order in which they are given. Here that is: `Standing`, `Hooks`, `Masks`,
`MacsCount`, `Journal`, `Keep`; so hooks see gradients before masks hide any, and a checkpoint holds its own
epoch's row.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.method import Hook, Step
from bench.network.macs import StepCost
from bench.network.net import Net
from bench.network.sparse import mask
from bench.network.sparse.keep import Keeper
from bench.records.record import EpochRow
from bench.runs.training.checkpoint import Checkpoint, Checkpoints, Moments, random_state, set_random_state
from bench.runs.training.lit import LitNet, Pass, StepCallback
from bench.runs.training.world import World

REPORT_SECONDS = 1.0
"""Training reports after every batch of steps, and at least this often."""


def work_clock(device: torch.device) -> Callable[[], float]:
    """A clock of the time at work: the processor's on a CPU, so that waiting does not count, else the wall's."""
    return time.process_time if device.type == "cpu" else time.monotonic


@dataclass
class Log:
    """The log of training so far, shared by a budget and its portions."""

    epochs: list[EpochRow] = field(default_factory=list)
    calls: int = 0
    """calls of `train` so far"""
    report: Callable[[float, float, str], None] = lambda done, total, line: None
    """called often with epochs done, epochs expected, and a short line"""
    ended: Callable[[int, EpochRow], None] = lambda index, epoch: None
    """called with the number and the row of every epoch that has ended, also of an earlier sitting"""
    checkpoints: Checkpoints | None = None
    work: float = 0.0
    """time at work within epochs (see `work_clock`)"""
    earlier_seconds: float = 0.0
    """seconds trained in earlier sittings"""
    lent: float = 0.0
    """time at work within calls of `train`, in this sitting"""
    products: dict[str, str] = field(default_factory=dict)
    """the product that computed each lean layer, by the layer's name"""

    @property
    def steps(self) -> int:
        """Steps trained so far."""
        return sum(epoch.steps for epoch in self.epochs)

    def book(self) -> dict[str, Any]:
        """The part that a checkpoint keeps."""
        return {"epochs": [epoch.model_dump() for epoch in self.epochs], "work": self.work}

    def restore(self, book: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        before = len(self.epochs)
        self.epochs = [EpochRow.model_validate(epoch) for epoch in book["epochs"]]
        self.work = float(book["work"])
        self.earlier_seconds = sum(epoch.seconds for epoch in self.epochs)
        for index, epoch in list(enumerate(self.epochs))[before:]:
            self.ended(index, epoch)


class Standing(pl.Callback):
    """State of the optimiser and the random generators: set before training or an epoch, taken after it.

    The generators stand as the last epoch left them, whatever Lightning drew in between.

    Args:
        moments: of the optimiser, by parameter.
        random: state of the generators; as they stand now where left out.
    """

    def __init__(self, moments: Moments, random: Mapping[str, Tensor] | None = None) -> None:
        self.moments, self.random = moments, random_state() if random is None else random

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the optimiser its moments."""
        assert isinstance(pl_module, LitNet)
        for parameter in pl_module.trained:
            if parameter in self.moments:
                pl_module.optimizer.state[parameter] = self.moments[parameter]

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Set the generators back."""
        set_random_state(self.random)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the state of both."""
        assert isinstance(pl_module, LitNet)
        self.random, self.moments = random_state(), dict(pl_module.optimizer.state)


class Hooks(StepCallback):
    """A method's own hooks; their time counts as the method's. All processes agree on masks that one changes."""

    def __init__(self, before: Hook | None, after: Hook | None, world: World | None = None) -> None:
        self.before, self.after, self.world = before, after, world or World()

    def before_update(self, step: Step, done: Pass) -> None:
        """The hook between gradients and update."""
        if self.before is not None:
            changes = mask.changes
            self.before(step)
            self.world.after_hook(step.net, changes)

    def after_update(self, step: Step, done: Pass) -> None:
        """The hook after the update."""
        if self.after is not None:
            changes = mask.changes
            self.after(step)
            self.world.after_hook(step.net, changes)


class Masks(StepCallback):
    """Keeps hidden weights hidden: their gradients and optimiser states are zero at every update."""

    def __init__(self, net: Net) -> None:
        self.keeper = Keeper(net)

    def before_update(self, step: Step, done: Pass) -> None:
        """Set their gradients and optimiser states to zero."""
        self.keeper.keep(step.optimizer)

    @property
    def changes(self) -> int:
        """How often masks have changed."""
        return self.keeper.changes


class MacsCount(StepCallback):
    """Counts the multiply-accumulates of an epoch's steps, with the masks as they stand at each; none without their cost."""

    def __init__(self, cost: StepCost | None, masks: Masks) -> None:
        self.cost, self.masks = cost, masks
        self.macs, self.changes = 0.0, -1
        self.by_shape: dict[tuple[int, ...], float] = {}

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin at 0."""
        self.macs, self.changes, self.by_shape = 0.0, -1, {}

    def before_update(self, step: Step, done: Pass) -> None:
        """Add the step's multiply-accumulates."""
        if self.cost is None:
            return
        samples, shape = len(done.inputs), tuple(done.inputs.shape[1:])
        if step.dense_gradients:
            self.macs += self.cost.at(shape).beyond(step.dense_gradients) * samples
        if self.changes != self.masks.changes:
            self.changes, self.by_shape = self.masks.changes, {}
        if shape not in self.by_shape:
            self.by_shape[shape] = self.cost.at(shape).now()
        self.macs += self.by_shape[shape] * samples


class Journal(StepCallback):
    """Writes epochs into the log, reports progress, and stops training that has diverged.

    Args:
        log: to write epochs into.
        count: of multiply-accumulates.
        epochs: of the whole schedule, for reports.
        clock: of the time at work.
        world: the processes that train; an epoch's row is of all of their samples, reports are of one's own.
    """

    def __init__(
        self,
        log: Log,
        count: MacsCount,
        epochs: float,
        clock: Callable[[], float],
        world: World | None = None,
    ) -> None:
        self.history, self.count, self.epochs, self.clock = log, count, epochs, clock
        self.world = world or World()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin the sums."""
        assert isinstance(pl_module, LitNet)
        device = pl_module.device
        self.loss = torch.zeros((), device=device)
        self.right = torch.zeros(len(pl_module.net.exits), dtype=torch.long, device=device)
        self.steps, self.samples = 0, 0
        self.reported = self.begun = time.monotonic()
        self.work_begun = self.clock()

    def after_update(self, step: Step, done: Pass) -> None:
        """Add a step to the sums, which stay on the device."""
        with torch.no_grad():
            self.loss += done.loss
            self.right += torch.stack(done.logits).argmax(2).eq(done.labels).sum(1)
        self.steps += 1
        self.samples += len(done.labels)
        if time.monotonic() - self.reported > REPORT_SECONDS:
            self._report(step.index + 1, step.progress)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report after every batch of steps."""
        assert isinstance(pl_module, LitNet)
        self._report(pl_module.index, pl_module.index / pl_module.total)

    def _report(self, index: int, progress: float) -> None:
        """Report the progress of training, and stop it where the loss is infinite or NaN."""
        self.reported = time.monotonic()
        loss, accuracy = self._so_far()
        if not math.isfinite(loss):
            raise SeesawError(
                f"The training loss became {loss} at step {index}. "
                "Lower the learning rate (--set lr=...), or check the inputs for NaN."
            )
        line = f"loss {loss:.3f}, accuracy {' '.join(f'{share:.1%}' for share in accuracy)}"
        self.history.report(progress * self.epochs, self.epochs, line)

    def _so_far(self) -> tuple[float, list[float]]:
        """This epoch's mean loss, and the accuracy of every exit."""
        return float(self.loss) / max(self.steps, 1), (self.right / max(self.samples, 1)).tolist()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the epoch into the log; stop where weights are infinite or NaN."""
        assert isinstance(pl_module, LitNet)
        self.world.mean_statistics(pl_module.net)
        loss, accuracy = self._so_far()
        macs = self.count.macs
        if not self.world.is_alone:
            losses, macs, samples, *right = self.world.total(
                [loss, macs, float(self.samples), *self.right.tolist()], pl_module.device
            )
            loss, accuracy = losses / self.world.size, [one / max(samples, 1) for one in right]
        if not all(bool(torch.isfinite(parameter).all()) for parameter in pl_module.trained):
            raise SeesawError(
                f"Training diverged: weights became infinite or NaN by step {pl_module.index}. "
                "Lower the learning rate (--set lr=...), or check the inputs for NaN."
            )
        self.history.work += self.clock() - self.work_begun
        self.history.epochs.append(
            EpochRow(
                steps=self.steps,
                loss=loss,
                accuracy=accuracy,
                lr=pl_module.recipe.rate((pl_module.index - 1) / pl_module.total),
                seconds=round(time.monotonic() - self.begun, 3),
                macs=macs,
            )
        )


class Keep(pl.Callback):
    """Writes a checkpoint after every epoch, where the log has a place for them, and calls `Log.ended`."""

    def __init__(self, log: Log, call: int, world: World | None = None) -> None:
        self.history, self.call, self.world = log, call, world or World()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the checkpoint."""
        assert isinstance(pl_module, LitNet)
        if self.history.checkpoints is not None and self.world.writes:
            kept = Checkpoint.of(pl_module.net, pl_module.optimizer, pl_module.index, self.history.book())
            self.history.checkpoints.write(self.call, kept)
        self.history.ended(len(self.history.epochs) - 1, self.history.epochs[-1])
