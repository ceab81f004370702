"""LitNet: the LightningModule that trains any Net along the schedule of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from bench.kinds.exits import Loss
from bench.kinds.method import Step
from bench.network.layout import FAST, laid
from bench.network.net import Net
from bench.records.setup import Recipe
from bench.runs.training.compiled import compiled, named
from bench.runs.training.data import shortened
from bench.runs.training.world import World


class Pass(NamedTuple):
    """One step's forward pass.

    Attributes:
        inputs: (n, *sample).
        labels: int64 (n,), before they are smoothed or mixed.
        logits: of every exit, each (n, classes).
        loss: a scalar.
    """

    inputs: Tensor
    labels: Tensor
    logits: list[Tensor]
    loss: Tensor


class StepCallback(pl.Callback):
    """A Lightning callback that also sees every optimiser step, of which one Lightning batch holds several."""

    def before_update(self, step: Step, done: Pass) -> None:
        """Between the gradients and the update."""

    def after_update(self, step: Step, done: Pass) -> None:
        """After the update."""


def shares(labels: Tensor, classes: int, smoothing: float) -> Tensor:
    """Labels, int64 (n,), as shares of the classes, float (n, classes), of which a part is the same for all classes."""
    return F.one_hot(labels, classes).float() * (1 - smoothing) + smoothing / classes


def mixed(x: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Images mixed with others of their batch, and their shares of the classes too (mixup, Zhang et al., ICLR 2018).

    One weight from Beta(alpha, alpha) holds for the batch; PyTorch's generator on the CPU draws it, as it draws the partners.
    """
    weight = float(torch.distributions.Beta(alpha, alpha).sample())
    other = torch.randperm(len(x)).to(x.device)
    return x.lerp(x[other], 1 - weight), targets.lerp(targets[other], 1 - weight)


class LitNet(pl.LightningModule):
    """Trains the parameters of a net that ask for gradients.

    One Lightning step is several optimiser steps: the batch it is handed holds several, because Lightning's
    own work for one batch costs as much as a small network's whole step.

    Args:
        net: in training mode; parameters that ask for no gradient stay as they are.
        loss: the exits plan's.
        recipe: batch, optimiser and learning rates.
        watching: called before and after every optimiser step, in this order.
        total: steps of the schedule.
        start: the first of them that is trained.
        cut: for methods' hooks.
        world: the processes that train; each step's samples are shared among them.
        seed: of the run, for the random numbers that differ from process to process.
        layout: of images in memory.
    """

    def __init__(
        self,
        net: Net,
        loss: Loss,
        recipe: Recipe,
        watching: Sequence[StepCallback],
        total: int,
        start: int = 0,
        cut: int | None = None,
        world: World | None = None,
        seed: int = 0,
        layout: torch.memory_format = FAST,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.world, self.seed, self.layout = world or World(), seed, layout
        self.forward_pass = compiled(net) if self.world.layout.compiled else net.__call__
        """the network as it is run in training: itself, or compiled"""
        self.net, self.loss, self.recipe, self.watching = net, loss, recipe, watching
        self.total, self.index, self.cut = total, start, cut
        self.trained = [parameter for parameter in net.parameters() if parameter.requires_grad]

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

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser that is stepped."""
        optimizer = self.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        return optimizer

    def on_train_epoch_start(self) -> None:
        """Put modules of which no parameter trains into eval mode: their running statistics stay."""
        trained = set(map(id, self.trained))
        for module in self.net.modules():
            own = list(module.parameters(recurse=False))
            if own and not any(id(p) in trained for p in own):
                module.eval()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Several optimiser steps."""
        optimizer = self.optimizer
        inputs, labels = batch
        inputs = laid(inputs, self.layout)
        share = self.recipe.batch // self.world.size
        steps = inputs.split(share)
        if self.net.sample.vocabulary:
            steps = shortened(steps)
        for x, y in zip(steps, labels.split(share), strict=True):
            self._step(optimizer, x, y)

    def _step(self, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        progress = self.index / self.total
        for group in optimizer.param_groups:
            group["lr"] = self.recipe.rate(progress)
        done = self._passes(optimizer, x, y, progress)
        step = Step(self.net, optimizer, self.index, progress, self.cut)
        for one in self.watching:
            one.before_update(step, done)
        optimizer.step()
        self.index += 1
        for one in self.watching:
            one.after_update(step, done)

    def _passes(self, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, progress: float) -> Pass:
        """A step's gradients; of several parts, each in its turn where the layout divides a step."""
        parts = self.world.layout.accumulate or 1
        if parts == 1:
            done = self._pass(x, y, progress)
            optimizer.zero_grad()
            self._backward(done.loss)
            return done
        optimizer.zero_grad()
        passes: list[Pass] = []
        size = len(x) // parts
        for number, (own, labels) in enumerate(zip(x.split(size), y.split(size), strict=True)):
            done = self._pass(own, labels, progress)
            self._backward(done.loss / parts, last=number == parts - 1)
            logits = [one.detach() for one in done.logits]
            passes.append(done._replace(logits=logits, loss=done.loss.detach() / parts))
        together = [torch.cat(own) for own in zip(*(one.logits for one in passes), strict=True)]
        shown = torch.cat([one.inputs for one in passes])
        return Pass(shown, y, together, torch.stack([one.loss for one in passes]).sum())

    def _pass(self, x: Tensor, y: Tensor, progress: float) -> Pass:
        layout = self.world.layout
        with self.world.own_draws(self.seed, self.index), named(layout.compiled):
            x, targets = self._targets(x, y)
            with self.world.arithmetic(x.device):
                logits = self.forward_pass(x)
            if layout.precision is not None:
                logits = [one.float() for one in logits]
            return Pass(x, y, logits, self.loss(logits, targets, progress))

    def _targets(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs as they are shown, and what they are to be answered with: classes, or the recipe's shares of classes."""
        if self.recipe.mixup is not None:
            return mixed(x, shares(y, self.net.classes, self.recipe.smoothing or 0.0), self.recipe.mixup)
        return x, y if self.recipe.smoothing is None else shares(y, self.net.classes, self.recipe.smoothing)

    def _backward(self, loss: Tensor, *, last: bool = True) -> None:
        """Gradients, added up over all processes after a step's last part."""
        if self.world.is_alone:
            loss.backward()
            return
        together = self.trainer.strategy.model
        assert isinstance(together, DistributedDataParallel)
        together.require_backward_grad_sync = last
        self.manual_backward(loss)
        together.require_backward_grad_sync = True
