"""Task: a data set, its splits, its training recipe, a version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from bench.errors import SeesawError, counted
from bench.kinds.stored import Stored, at_rows
from bench.network.net import Sample
from bench.plugins.plugin import Plugin
from bench.records.setup import Preprocessing, Recipe


class Split(NamedTuple):
    """Inputs, uint8 (N, C, H, W) for images and whole numbers (N, places) for texts, and labels, int64 (N,).

    Inputs that do not fit into memory are `Stored`: they are read by rows.
    """

    inputs: Tensor
    labels: Tensor


@dataclass
class Scale:
    """uint8 to float32 with mean 0 and deviation 1 a channel, given mean and deviation on the scale 0..1.

    Attributes:
        mean: of each channel.
        std: of each channel.
        size: of the square in the middle that is taken of larger images, such as those that have room for random crops;
            None takes images as they are.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if x.dtype != torch.uint8:
            return x
        if self.size is not None and x.shape[-1] > self.size:
            top, left = ((side - self.size) // 2 for side in x.shape[-2:])
            x = x[..., top : top + self.size, left : left + self.size]
        shape = (1, -1, *[1] * (x.dim() - 2))
        mean, std = (torch.tensor(v, device=x.device).reshape(shape) for v in (self.mean, self.std))
        return x.float().sub_(mean * 255).div_(std * 255)

    def back(self, x: Tensor) -> Tensor:
        """The images of 8 bits that give x when they are scaled, uint8 of the same shape; the nearest ones where none does."""
        shape = (1, -1, *[1] * (x.dim() - 2))
        mean, std = (torch.tensor(v, device=x.device).reshape(shape) for v in (self.mean, self.std))
        return x.float().mul(std * 255).add_(mean * 255).round_().clamp_(0, 255).to(torch.uint8)


@dataclass(frozen=True)
class LentData:
    """The data that methods and exits plans are lent: the train split alone, in memory that holds nothing else, or read row by row.

    Attributes:
        train: samples for the weights.
        scale: from inputs of the split to inputs of the network.
    """

    train: Split
    scale: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Data:
    """Three splits, in memory or `Stored`.

    Attributes:
        train: samples for the weights; images may be larger than the others, with room for random crops, and `scale` takes
            their middle.
        calibration: samples for thresholds, temperatures and gates.
        test: read once, at the end.
        scale: from inputs of the splits to inputs of the network.

    Raises:
        SeesawError: a split without samples.
    """

    train: Split
    calibration: Split
    test: Split
    scale: Callable[[Tensor], Tensor]

    def __post_init__(self) -> None:
        for name in ("train", "calibration", "test"):
            if len(getattr(self, name).labels) == 0:
                raise SeesawError(f"The {name} split is empty. Give the task more samples.")

    @property
    def lent(self) -> LentData:
        """The train split for methods; one that is a view of all samples is copied, as a view leads to the others."""
        return LentData(Split(*map(_alone, self.train)), self.scale)


def _alone(tensor: Tensor) -> Tensor:
    """A tensor in memory of its own; one that is not in memory stays where it is, and gives no other rows than its own."""
    if isinstance(tensor, Stored):
        return tensor.alone()
    return tensor if tensor.untyped_storage().nbytes() <= tensor.nbytes else tensor.clone()


@dataclass(frozen=True)
class About:
    """The properties of a task, before any file is read.

    Attributes:
        classes: how many.
        sample: the form of one input of the network.
        recipe: of training.
        names: of the classes in their order, where other data sets and published networks have them too: wnids.
        inputs: how images are scaled for the weights of a run, where that is not the task's way.
    """

    classes: int
    sample: Sample
    recipe: Recipe
    names: tuple[str, ...] = ()
    inputs: Preprocessing | None = None


class Task(Plugin):
    """The contract: `about` gives classes, samples and recipe, `data` loads the splits.

    Whatever could move a number raises `version`: other splits, another recipe, other scaling.
    """

    kind: ClassVar[str] = "task"
    version: ClassVar[int] = 1

    def about(self) -> About:
        """Classes, samples and recipe."""
        raise NotImplementedError(f"{type(self).__name__} must define about()")

    def data(self, root: Path, seed: int) -> Data:
        """The splits. The calibration and test splits are the same for every seed.

        Args:
            root: folder of data sets; a task reads only below it, or below a path among its settings.
            seed: of the run.

        Raises:
            SeesawError: files are absent, cut short or others than they should be; it names which to put
                where.
        """
        raise NotImplementedError(f"{type(self).__name__} must define data(root, seed)")

    def names_below(self, root: Path) -> tuple[str, ...]:
        """The classes' names (`About.names`), where these lie in files below root; empty where they have none."""
        return ()

    def fitted(self, inputs: Preprocessing) -> Self:
        """The same task with images brought to how weights were trained, where its settings leave that open."""
        return self

    def identity(self, root: Path) -> dict[str, Any]:
        """The identity of the data, beside settings and version: such as a digest of a user's own files."""
        return {}


def data_of(task: Task, inputs: Preprocessing | None, root: Path, seed: int) -> Data:
    """A task's splits, their images brought to how weights were trained where anything says how that was."""
    if inputs is None:
        return task.data(root, seed)
    data = task.fitted(inputs).data(root, seed)
    size = data.scale.size if isinstance(data.scale, Scale) else None
    return replace(data, scale=Scale(inputs.mean, inputs.std, size))


def hold_out(split: Split, count: int, seed: int = 0) -> tuple[Split, Split]:
    """Part a split into the rest and `count` samples drawn at random; the draw depends on `seed` alone."""
    if not 0 < count < len(split.labels):
        mend = "Ask for more" if count < 1 else "Ask for fewer" if count > 1 else "Give the task more samples"
        raise SeesawError(
            f"{counted(count, 'sample')} cannot be held out of {len(split.labels)}, of which some must be left. {mend}."
        )
    order = torch.randperm(len(split.labels), generator=torch.Generator().manual_seed(seed))
    out, rest = order[:count].sort().values, order[count:].sort().values
    return Split(at_rows(split.inputs, rest), split.labels[rest]), Split(
        at_rows(split.inputs, out), split.labels[out]
    )


def random_subset(split: Split, count: int | None, seed: int = 0) -> Split:
    """A random subset of `count` samples, or the whole split for None; smaller subsets lie within larger ones."""
    if count is None:
        return split
    if not 0 < count <= len(split.labels):
        raise SeesawError(
            f"The split has {len(split.labels)} samples, so {count} cannot be taken. Ask for fewer."
        )
    order = torch.randperm(len(split.labels), generator=torch.Generator().manual_seed(seed + 1))[:count]
    return Split(at_rows(split.inputs, order), split.labels[order])
