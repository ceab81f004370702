"""The LightningModule that trains any Net with any Method and exits plan."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.kinds.exits import Loss
from bench.kinds.method import Hook, Step
from bench.kinds.task import Recipe, shortened
from bench.measuring.meters.macs import StepCost
from bench.network.net import Net
from bench.network.sparse.keep import Keeper
from bench.runs.training.checkpoint import Checkpoints, Moments, random_state, set_random_state

_LR_FLOOR = 0.04

REPORT_SECONDS = 1.0
"""Training reports after every stride of steps, and at least this often."""

FAST = torch.channels_last
"""The layout that convolutions train fastest in (1.2 to 1.4 x on a CPU, against the default one)."""


@dataclass
class Epoch:
    """What one epoch, or the part of one that a method asked for, came to."""

    index: int
    steps: int
    loss: float
    accuracy: list[float]
    """of every exit, on the batches trained on"""
    lr: float
    seconds: float
    """wall time"""
    busy: float = 0.0
    """time at work (see `busy`)"""
    macs: float | None = None
    """multiply-accumulates of its steps (`bench.measuring.meters.macs.StepCost`)"""


def busy(device: torch.device) -> float:
    """A clock of the time at work: the processor's on a CPU, so that waiting does not count, else the wall's."""
    return time.process_time() if device.type == "cpu" else time.monotonic()


@dataclass
class Log:
    """What training has done so far, shared by a budget and its portions."""

    epochs: list[Epoch] = field(default_factory=list)
    calls: int = 0
    """of `train`, this far"""
    report: Callable[[float, float, str], None] = lambda done, total, line: None
    """called often with epochs done, epochs expected, and a short line"""
    ended: Callable[[Epoch], None] = lambda epoch: None
    """called with every epoch that has ended, also in an earlier sitting"""
    checkpoints: Checkpoints | None = None
    earlier: float = 0.0
    """seconds trained in earlier sittings"""
    lent: float = 0.0
    """time at work within calls of `train`, in this sitting"""

    @property
    def steps(self) -> int:
        """Trained so far."""
        return sum(epoch.steps for epoch in self.epochs)

    def book(self) -> dict[str, Any]:
        """What a checkpoint keeps of this."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs]}

    def restore(self, book: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        known, self.epochs = len(self.epochs), [Epoch(**told) for told in book["epochs"]]
        self.earlier = sum(epoch.seconds for epoch in self.epochs)
        for epoch in self.epochs[known:]:
            self.ended(epoch)


def learning_rate(recipe: Recipe, progress: float) -> float:
    """The learning rate at a share of the schedule, from 0 to 1."""
    if recipe.schedule == "constant":
        return recipe.lr
    warmup = recipe.warmup if recipe.schedule == "one-cycle" else 0.0
    if progress < warmup:
        return recipe.lr * (_LR_FLOOR + (1 - _LR_FLOOR) * progress / warmup)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


Ended = Callable[[torch.optim.Optimizer, int], None]
"""Called at the end of an epoch with the optimiser and the schedule's next step."""


class LitNet(pl.LightningModule):
    """Trains some parameters of a net for some steps of a schedule.

    One Lightning step is several optimiser steps: the batch it is handed holds several, because Lightning's
    own work for one batch costs as much as a small network's whole step.
    """

    def __init__(
        self,
        net: Net,
        loss: Loss,
        recipe: Recipe,
        log: Log,
        *,
        parameters: list[nn.Parameter],
        start: int,
        total: int,
        epochs: float,
        batch: int,
        before_step: Hook | None,
        after_step: Hook | None,
        cost: StepCost,
        ended: Ended = lambda optimizer, step: None,
        moments: Moments | None = None,
        random: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net, self.loss, self.recipe, self.journal = net, loss, recipe, log
        self.trained = parameters
        self.index, self.total, self.epochs, self.batch = start, total, epochs, batch
        self.before_step, self.after_step = before_step, after_step
        self.ended, self.moments = ended, moments or {}
        self.masks, self.cost = Keeper(net), cost
        self.random = random_state() if random is None else random

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The recipe's optimiser, with the moments it has; weight decay on weights alone."""
        decay = [p for p in self.trained if p.dim() > 1]
        plain = [p for p in self.trained if p.dim() <= 1]
        groups = [
            {"params": params, "weight_decay": rate}
            for params, rate in ((decay, self.recipe.weight_decay), (plain, 0.0))
            if params
        ]
        if self.recipe.optimizer == "adamw":
            optimizer = torch.optim.AdamW(groups, lr=self.recipe.lr, fused=True)
        else:
            optimizer = torch.optim.SGD(groups, lr=self.recipe.lr, momentum=0.9, nesterov=True, fused=True)
        for parameter in self.trained:
            if parameter in self.moments:
                optimizer.state[parameter] = self.moments[parameter]
        return optimizer

    def on_train_epoch_start(self) -> None:
        """Only what trains keeps running statistics; the rest stays as it is.

        The random generators stand as the last epoch left them, whatever Lightning drew in between.
        """
        set_random_state(self.random)
        trained = set(map(id, self.trained))
        for module in self.net.modules():
            own = list(module.parameters(recurse=False))
            if own and not any(id(p) in trained for p in own):
                module.eval()
        self.loss_sum = torch.zeros((), device=self.device)
        self.right = torch.zeros(len(self.net.exits), dtype=torch.long, device=self.device)
        self.done = 0
        self.told = self.begun = time.monotonic()
        self.macs, self.masks_seen = 0.0, -1
        self.step_macs: dict[tuple[int, ...], float] = {}
        self.busy = busy(self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Several optimiser steps."""
        optimizer = self.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        inputs, labels = batch
        if inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=FAST)
        steps = inputs.split(self.batch)
        if self.net.sample.vocabulary:
            steps = shortened(steps)
        for x, y in zip(steps, labels.split(self.batch), strict=True):
            self._step(optimizer, x, y)
            self.done += 1
            if time.monotonic() - self.told > REPORT_SECONDS:
                self._report()
        self._report()

    def _report(self) -> None:
        """Say how far training is, and stop it where the loss is no number any more."""
        self.told = time.monotonic()
        loss, accuracy = self._so_far()
        if not math.isfinite(loss):
            raise SeesawError(
                f"The training loss became {loss} at step {self.index}. "
                "Lower the learning rate (--set lr=...), or check the inputs for NaN."
            )
        line = f"loss {loss:.3f}, accuracy {' '.join(f'{share:.1%}' for share in accuracy)}"
        self.journal.report(self.index * self.epochs / self.total, self.epochs, line)

    def _step(self, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        progress = self.index / self.total
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, progress)
        shape = tuple(x.shape[1:])
        logits = self.net(x)
        loss = self.loss(logits, y, progress)
        optimizer.zero_grad()
        loss.backward()
        step = Step(self.net, optimizer, self.index, progress)
        if self.before_step is not None:
            self.before_step(step)
            self.macs += self.cost.at(shape).beyond(step.asked) * len(x)
        self.masks.keep(optimizer)
        if self.masks_seen != self.masks.seen:
            self.masks_seen, self.step_macs = self.masks.seen, {}
        if shape not in self.step_macs:
            self.step_macs[shape] = self.cost.at(shape).now()
        self.macs += self.step_macs[shape] * len(x)
        optimizer.step()
        if self.after_step is not None:
            self.after_step(step)
        self.index += 1
        with torch.no_grad():
            self.loss_sum += loss
            self.right += torch.stack(logits).argmax(2).eq(y).sum(1)

    def on_train_epoch_end(self) -> None:
        """Write the epoch down."""
        loss, accuracy = self._so_far()
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.trained):
            raise SeesawError(
                f"Training diverged: weights became infinite or NaN by step {self.index}. "
                "Lower the learning rate (--set lr=...), or check the inputs for NaN."
            )
        lr = learning_rate(self.recipe, (self.index - 1) / self.total)
        seconds = time.monotonic() - self.begun
        self.random = random_state()
        optimizer = self.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        at_work = busy(self.device) - self.busy
        self.journal.epochs.append(
            Epoch(len(self.journal.epochs), self.done, loss, accuracy, lr, seconds, at_work, self.macs)
        )
        self.moments = dict(optimizer.state)
        self.ended(optimizer, self.index)
        self.journal.ended(self.journal.epochs[-1])

    def _so_far(self) -> tuple[float, list[float]]:
        """This epoch's mean loss, and the accuracy of every exit."""
        steps = max(self.done, 1)
        return float(self.loss_sum) / steps, (self.right / (steps * self.batch)).tolist()
