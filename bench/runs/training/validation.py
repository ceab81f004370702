"""Validation: the accuracy of a network in training on the calibration split, for curves; nothing learns from it.

What asks for it is kept apart from the budget, so that no method reaches the calibration split through what it is lent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import pytorch_lightning as pl
import torch

from bench.kinds.task import Split
from bench.network.layout import laid
from bench.network.net import Net
from bench.runs.training.callbacks import Log
from bench.runs.training.lit import LitNet

SHARE = 0.02
"""The most of the training's time that validation takes; where an epoch is too short for it, it waits for later ones, and for the
last one at most, so that every training has one."""

FORWARD = 1 / 3
"""The time of a sample without training over that with it, until one validation was timed."""

Ended = Callable[[int, list[float]], None]
"""Called with the number of an epoch and the accuracy of every exit."""


@dataclass
class Validation:
    """A split to validate on, and the time that this has taken.

    Attributes:
        split: of the samples.
        scale: from its inputs to those of the network.
        ended: is told of every validation.
        spent: seconds so far.
        last: seconds of the last one.
    """

    split: Split
    scale: Callable[[torch.Tensor], torch.Tensor]
    ended: Ended
    spent: float = 0.0
    last: float | None = None


_asked: ContextVar[Validation | None] = ContextVar("_asked", default=None)


@contextmanager
def validated(validation: Validation | None) -> Iterator[None]:
    """Within it networks are validated while they train; not where it is None."""
    token = _asked.set(validation)
    try:
        yield
    finally:
        _asked.reset(token)


class Validate(pl.Callback):
    """Validates after an epoch, where its share of the time allows it; weights, modes and generators stay as they are."""

    def __init__(self, log: Log) -> None:
        self.history = log

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate if asked."""
        assert isinstance(pl_module, LitNet)
        asked, epochs = _asked.get(), self.history.epochs
        if asked is None or not epochs[-1].steps:
            return
        trained = sum(epoch.seconds for epoch in epochs)
        per_sample = epochs[-1].seconds / (epochs[-1].steps * pl_module.recipe.batch)
        expected = FORWARD * per_sample * len(asked.split.labels) if asked.last is None else asked.last
        is_first_of_last = asked.last is None and trainer.current_epoch + 1 == trainer.max_epochs
        if asked.spent + expected > SHARE * trained and not is_first_of_last:
            return
        begun = time.monotonic()
        accuracy = accuracies(
            pl_module.net, asked, pl_module.recipe.batch, pl_module.device, pl_module.layout
        )
        asked.last = time.monotonic() - begun
        asked.spent += asked.last
        asked.ended(len(epochs) - 1, accuracy)


@torch.no_grad()
def accuracies(
    net: Net, asked: Validation, batch: int, device: torch.device, layout: torch.memory_format
) -> list[float]:
    """The share of the split's samples that every exit answers rightly."""
    modes = {module: module.training for module in net.modules()}
    right = torch.zeros(len(net.exits), dtype=torch.long, device=device)
    try:
        net.eval()
        for inputs, labels in zip(
            asked.split.inputs.split(batch), asked.split.labels.split(batch), strict=True
        ):
            logits = net(laid(asked.scale(inputs.to(device)), layout))
            right += torch.stack(logits).argmax(2).eq(labels.to(device)).sum(1)
    finally:
        for module, training in modes.items():
            module.training = training
    return (right / len(asked.split.labels)).tolist()
