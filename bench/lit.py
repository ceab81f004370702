"""The LightningModule that trains any Net with any Method and exits plan, and the budget it trains within."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from bench.errors import SeesawError
from bench.exits import Loss
from bench.method import Hook, Step
from bench.net import Net
from bench.sparse.mask import masked
from bench.task import Data, Recipe

_LR_FLOOR = 0.04


@dataclass
class Epoch:
    """What one epoch, or the part of one that a method asked for, came to."""

    index: int
    steps: int
    loss: float
    accuracy: list[float]
    """of every exit, on the batches trained on"""
    lr: float


@dataclass
class Log:
    """What training has done so far, shared by a budget and its portions."""

    epochs: list[Epoch] = field(default_factory=list)
    steps: int = 0
    report: Callable[[float, float, str], None] = lambda done, total, line: None
    """called often with epochs done, epochs expected, and a short line"""


def learning_rate(recipe: Recipe, progress: float) -> float:
    """The learning rate at a share of the schedule, from 0 to 1."""
    if recipe.schedule == "constant":
        return recipe.lr
    warmup = recipe.warmup if recipe.schedule == "one-cycle" else 0.0
    if progress < warmup:
        return recipe.lr * (_LR_FLOOR + (1 - _LR_FLOOR) * progress / warmup)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


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
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net, self.loss, self.recipe, self.book = net, loss, recipe, log
        self.trained = parameters
        self.index, self.total, self.epochs, self.batch = start, total, epochs, batch
        self.before_step, self.after_step = before_step, after_step
        self.masks = Masks(net)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The recipe's optimiser; weight decay on weights alone."""
        decay = [p for p in self.trained if p.dim() > 1]
        plain = [p for p in self.trained if p.dim() <= 1]
        groups = [
            {"params": params, "weight_decay": rate}
            for params, rate in ((decay, self.recipe.weight_decay), (plain, 0.0))
            if params
        ]
        if self.recipe.optimizer == "adamw":
            return torch.optim.AdamW(groups, lr=self.recipe.lr, fused=True)
        return torch.optim.SGD(groups, lr=self.recipe.lr, momentum=0.9, nesterov=True, fused=True)

    def on_train_epoch_start(self) -> None:
        """Only what trains keeps running statistics; the rest stays as it is."""
        trained = set(map(id, self.trained))
        for module in self.net.modules():
            own = list(module.parameters(recurse=False))
            if own and not any(id(p) in trained for p in own):
                module.eval()
        self.sums = torch.zeros(1 + len(self.net.exits), device=self.device)
        self.done = 0

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Several optimiser steps."""
        optimizer = self.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        inputs, labels = batch
        for x, y in zip(inputs.split(self.batch), labels.split(self.batch), strict=True):
            self._step(optimizer, x, y)
        self.done += len(labels) // self.batch
        if not torch.isfinite(self.sums[0]):
            raise SeesawError(
                f"The training loss became {float(self.sums[0])} at step {self.index}. "
                "Lower the learning rate (--set lr=...), or check the inputs for NaN."
            )
        self.book.report(self.index * self.epochs / self.total, self.epochs, self._line())

    def _step(self, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        progress = self.index / self.total
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, progress)
        logits = self.net(x)
        loss = self.loss(logits, y, progress)
        optimizer.zero_grad()
        loss.backward()
        step = Step(self.net, optimizer, self.index, progress)
        if self.before_step is not None:
            self.before_step(step)
        self.masks.keep(optimizer)
        optimizer.step()
        if self.after_step is not None:
            self.after_step(step)
        self.index += 1
        with torch.no_grad():
            self.sums[0] += loss.detach()
            self.sums[1:] += (torch.stack(logits).argmax(2) == y).float().mean(1)

    def on_train_epoch_end(self) -> None:
        """Write the epoch down."""
        loss, *accuracy = (self.sums / max(self.done, 1)).tolist()
        lr = learning_rate(self.recipe, (self.index - 1) / self.total)
        self.book.epochs.append(Epoch(len(self.book.epochs), self.done, loss, accuracy, lr))
        self.book.steps += self.done

    def _line(self) -> str:
        loss, *accuracy = (self.sums / self.done).tolist()
        return f"loss {loss:.3f}, accuracy {' '.join(f'{a:.1%}' for a in accuracy)}"


class Masks:
    """Keeps hidden weights at zero: their gradients at every update, their optimiser state at every change."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.seen: list[tuple[int, int]] = []
        self.weights: list[Tensor] = []
        self.factors: list[Tensor] = []

    def keep(self, optimizer: torch.optim.Optimizer) -> None:
        """Zero what hidden weights would feel in the next update."""
        found = [(layer.weight, mask) for _, layer, mask in masked(self.net)]
        now = [(id(mask), mask._version) for _, mask in found]
        if now != self.seen:
            self.seen = now
            self.weights = [weight for weight, _ in found]
            self.factors = [mask.to(weight.dtype) for weight, mask in found]
            for weight, factor in zip(self.weights, self.factors, strict=True):
                for value in optimizer.state.get(weight, {}).values():
                    if isinstance(value, Tensor) and value.shape == weight.shape:
                        value.mul_(factor)
        pairs = [(w.grad, f) for w, f in zip(self.weights, self.factors, strict=True) if w.grad is not None]
        if pairs:
            gradients, factors = zip(*pairs, strict=True)
            torch._foreach_mul_(gradients, factors)  # pyright: ignore[reportPrivateImportUsage]  no public name


class Budget:
    """A training budget: so many steps of a schedule over the train split (`bench.method.Train`).

    Args:
        data: the task's splits.
        recipe: epochs, batch, optimiser, schedule, augmentation.
        loss: the exits plan's.
        seed: orders the data.
        device: where it trains.
        log: where training writes what it does.
    """

    def __init__(
        self, data: Data, recipe: Recipe, loss: Loss, seed: int, device: torch.device, log: Log | None = None
    ) -> None:
        self.data, self.recipe, self.seed, self.device = data, recipe, seed, device
        self.log = log or Log()
        self.per_epoch = len(data.train.labels) // min(recipe.batch, len(data.train.labels))
        self.steps = recipe.epochs * self.per_epoch
        self.at = 0
        self._loss = loss
        self._parameters: list[nn.Parameter] | None = None

    def __call__(
        self,
        net: Net,
        share: float | None = None,
        *,
        before_step: Hook | None = None,
        after_step: Hook | None = None,
    ) -> None:
        """Train for a share of the budget from where the schedule stands (`bench.method.Train`)."""
        stop = self.steps if share is None else min(self.steps, self.at + round(share * self.steps))
        if stop <= self.at:
            return
        parameters = self._parameters if self._parameters is not None else list(net.parameters())
        chosen = set(map(id, parameters))
        for parameter in net.parameters():
            parameter.requires_grad_(id(parameter) in chosen)
        lit = LitNet(
            net,
            self._loss,
            self.recipe,
            self.log,
            parameters=parameters,
            start=self.at,
            total=self.steps,
            epochs=self.steps / self.per_epoch,
            batch=min(self.recipe.batch, len(self.data.train.labels)),
            before_step=before_step,
            after_step=after_step,
        )
        data = self.data.between(self.recipe, self.seed, self.at, stop)
        epochs = -(-stop // self.per_epoch) - self.at // self.per_epoch
        net.train()
        _fit(lit, data, epochs, self.device)
        net.to(self.device).eval().requires_grad_(True)
        self.at = stop

    def rewind(self, progress: float = 0.0) -> None:
        """Set the schedule back to a share of the budget."""
        self.at = round(progress * self.steps)

    def batch(self, size: int | None = None) -> tuple[Tensor, Tensor]:
        """Inputs, scaled, and labels from the train split, without augmentation, on the training device."""
        count = min(size or self.recipe.batch, len(self.data.train.labels))
        generator = torch.Generator().manual_seed(self.seed)
        rows = torch.randperm(len(self.data.train.labels), generator=generator)[:count]
        inputs = self.data.scale(self.data.train.inputs[rows].to(self.device))
        return inputs, self.data.train.labels[rows].to(self.device)

    def loss(self, net: Net, inputs: Tensor, labels: Tensor) -> Tensor:
        """The exits plan's loss at this place of the schedule."""
        return self._loss(net(inputs), labels, self.at / max(self.steps, 1))

    def portion(
        self, share: float, *, loss: Loss | None = None, parameters: Iterable[nn.Parameter] | None = None
    ) -> Budget:
        """A share of the budget with a schedule of its own (`bench.exits.Budget`)."""
        part = Budget(self.data, self.recipe, loss or self._loss, self.seed, self.device, self.log)
        part.steps = round(share * self.steps)
        part._parameters = None if parameters is None else list(parameters)
        return part

    @property
    def spent(self) -> float:
        """Steps trained, over the steps of the task's recipe."""
        return self.log.steps / self.steps if self.steps else 0.0


def _fit(lit: LitNet, data: Data, epochs: int, device: torch.device) -> None:
    """Run Lightning without its own chatter, loggers and checkpoints."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning.*")
        warnings.filterwarnings("ignore", category=FutureWarning)
        trainer = pl.Trainer(
            accelerator={"cuda": "gpu"}.get(device.type, device.type),
            devices=1,
            max_epochs=epochs,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            reload_dataloaders_every_n_epochs=0,
        )
        trainer.fit(lit, datamodule=data)
