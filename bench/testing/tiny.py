"""A small task, backbone and exits plan on which plugins are checked, trained in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.kinds.backbone import Backbone
from bench.kinds.build import untrained
from bench.kinds.exits import Exits
from bench.kinds.method import Method
from bench.kinds.task import About, Data, Scale, Split, Task
from bench.network.net import Net, Sample
from bench.records.setup import Recipe
from bench.runs.training.budget import Budget
from bench.runs.training.callbacks import Log
from bench.runs.training.world import World

IMAGE = Sample((3, 16, 16))
CLASSES = 4


class TinyBackbone(Backbone):
    """Two convolutions and a linear layer, on which methods and exits plans are checked."""

    def stages(self, sample: Sample) -> list[nn.Module]:
        """Three stages; every layer admits densities down to 1/16."""
        a, b, c = (self.scaled(width) for width in (16, 32, 64))
        return [
            nn.Sequential(nn.Conv2d(sample.shape[0], a, 3, padding=1), nn.BatchNorm2d(a), nn.ReLU()),
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU()),
            nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * b, c), nn.ReLU()),
        ]


class TinyTask(Task):
    """Random images that carry their label in their brightness."""

    def about(self) -> About:
        """Small images in colour; two epochs with momentum and decay, which would move hidden weights."""
        recipe = Recipe(epochs=2, batch=16, optimizer="sgd", lr=0.05, weight_decay=1e-2)
        return About(CLASSES, IMAGE, recipe)

    def data(self, root: Path, seed: int) -> Data:
        """128 samples for training, 32 for calibration and 32 for testing; the same for every seed."""
        generator = torch.Generator().manual_seed(0)
        labels = torch.arange(192) % CLASSES
        images = (
            torch.randint(0, 64, (192, *IMAGE.shape), generator=generator) + 48 * labels[:, None, None, None]
        )
        parts = zip(images.to(torch.uint8).split([128, 32, 32]), labels.split([128, 32, 32]), strict=True)
        train, calibration, test = (Split(*part) for part in parts)
        return Data(train, calibration, test, Scale((0.4,) * 3, (0.25,) * 3))


class AllExits(Exits):
    """A head on every stage, all trained together."""

    def hang(self, net: Net, shares: Any, head: Any) -> None:
        for stage in range(len(net.stages)):
            net.hang(stage, head(stage))

    def loss(self, logits: list[Tensor], labels: Tensor, progress: float) -> Tensor:
        return torch.stack([nn.functional.cross_entropy(one, labels) for one in logits]).sum()


def trained(
    method: Method, exits: Exits, *, train: bool = True, log: Log | None = None, world: World | None = None
) -> tuple[Net, Budget]:
    """Returns (the tiny network, trained on the tiny task if `train`; the budget, with what it spent).

    Args:
        method: that trains it.
        exits: its plan.
        train: whether it is trained.
        log: of training.
        world: the processes that train it; this one alone where left out.
    """
    task, cpu = TinyTask(), torch.device("cpu")

    cut = 1 if method.sided else None
    _, net = untrained(TinyBackbone(), method, exits, task.about(), cut=cut)
    lent, recipe = task.data(Path(), 0).lent, task.about().recipe
    budget = Budget(lent, recipe, exits.loss, 0, cpu, log, cut=cut, world=world)
    if train:
        exits.fit(net, budget, method)
    return net, budget
