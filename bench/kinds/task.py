"""Task: a data set, its splits, its training recipe, a version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bench.errors import SeesawError
from bench.network.net import Sample
from bench.plugins.plugin import Count, Plugin, Positive, Settings, Whole

STRIDE_BYTES = 8 << 20
STRIDE_STEPS = 16
STEP_PLACES = 8
"""A step of texts has a multiple of so many places: few different shapes, each of which is counted once."""


class Recipe(Settings):
    """How a task is trained; the same for every backbone and method."""

    epochs: Whole
    """passes over the train split"""
    batch: Count = 128
    """samples in one step"""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """sgd has Nesterov momentum 0.9"""
    lr: Positive = 0.1
    """highest learning rate"""
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    """on weights, not on biases and normalisation"""
    schedule: Literal["one-cycle", "cosine", "constant"] = "one-cycle"
    """learning rate over the budget; one-cycle rises for `warmup` of it, then falls to zero"""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """share of the budget over which one-cycle rises"""
    crop: Whole = 0
    """pixels of zero padding for random crops; 0 for none"""
    flip: bool = False
    """whether to mirror images at random"""


class Split(NamedTuple):
    """Inputs, uint8 (N, C, H, W) for images and whole numbers (N, places) for texts, and labels, int64 (N,)."""

    inputs: Tensor
    labels: Tensor


class Batch(NamedTuple):
    """Several steps' samples on their way to the device, with the augmentation drawn for them.

    `shift` is (n, 2): the crop's top and left, from 0 to twice the padding; `flip` is boolean (n,).
    """

    inputs: Tensor
    labels: Tensor
    shift: Tensor | None = None
    flip: Tensor | None = None


class Strides:
    """The train split as batches of several steps each, shuffled by (seed, epoch), from one step to another.

    The augmentation is drawn here, on the CPU, so that the same seed gives the same batches on every device.
    An epoch's last, incomplete step is left out; the next epoch shuffles anew. There is no length: Lightning
    would take the first epoch's, which may be a part of one, for that of all.
    """

    def __init__(self, split: Split, recipe: Recipe, seed: int, start: int, stop: int) -> None:
        self.split, self.recipe, self.seed = split, recipe, seed
        self.batch = min(recipe.batch, len(split.labels))
        self.per_epoch = len(split.labels) // self.batch
        self.step, self.stop = start, stop
        step_bytes = split.inputs[0].nbytes * self.batch
        self.steps = max(1, min(STRIDE_STEPS, STRIDE_BYTES // step_bytes))

    def __iter__(self) -> Iterator[Batch]:
        epoch, first = divmod(self.step, self.per_epoch)
        last = min(self.per_epoch, self.stop - epoch * self.per_epoch)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.split.labels), generator=generator)
        shift = flip = None
        if self.recipe.crop:
            shift = torch.randint(2 * self.recipe.crop + 1, (len(order), 2), generator=generator)
        if self.recipe.flip:
            flip = torch.rand(len(order), generator=generator) < 0.5
        for step in range(first, last, self.steps):
            stop = min(step + self.steps, last)
            rows = slice(step * self.batch, stop * self.batch)
            self.step += stop - step
            yield Batch(
                self.split.inputs[order[rows]],
                self.split.labels[order[rows]],
                None if shift is None else shift[rows],
                None if flip is None else flip[rows],
            )


def augment(batch: Batch, crop: int) -> Tensor:
    """The inputs of a batch, uint8 (n, C, H, W), shifted and mirrored as was drawn for them."""
    x = batch.inputs
    if batch.shift is not None:
        height, width = x.shape[-2:]
        windows = F.pad(x, [crop] * 4).unfold(2, height, 1).unfold(3, width, 1)
        rows = torch.arange(len(x), device=x.device)
        x = windows[rows, :, batch.shift[:, 0], batch.shift[:, 1]]
    if batch.flip is not None:
        x = torch.where(batch.flip[:, None, None, None], x.flip(-1), x)
    return x


def shortened(steps: Sequence[Tensor]) -> list[Tensor]:
    """Steps of texts, each (n, places), without the last places where all of a step's texts pad, by eights.

    A network for texts answers alike with fewer such places; most texts are far shorter than the longest.
    """
    places = steps[0].shape[1]
    at = torch.arange(1, places + 1, device=steps[0].device)
    longest = torch.stack([((ids != 0) * at).max() for ids in steps]).tolist()
    eights = [max(1, -(-number // STEP_PLACES)) for number in longest]
    return [ids[:, : STEP_PLACES * count] for ids, count in zip(steps, eights, strict=True)]


@dataclass
class Scale:
    """uint8 to float32 with mean 0 and deviation 1 a channel, given mean and deviation on the scale 0..1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, x: Tensor) -> Tensor:
        if x.dtype != torch.uint8:
            return x
        shape = (1, -1, *[1] * (x.dim() - 2))
        mean, std = (torch.tensor(v, device=x.device).reshape(shape) for v in (self.mean, self.std))
        return x.float().sub_(mean * 255).div_(std * 255)


class Data(pl.LightningDataModule):
    """Three splits in memory. Lightning moves a batch to the device; there it is augmented and scaled.

    Args:
        train: what the weights are trained on.
        calibration: what thresholds, temperatures and gates are set on.
        test: read once, at the end.
        scale: inputs as the splits hold them to what the network takes.
    """

    def __init__(
        self, train: Split, calibration: Split, test: Split, scale: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.train, self.calibration, self.test, self.scale = train, calibration, test, scale
        self.strides: Strides | None = None
        for name, split in (("train", train), ("calibration", calibration), ("test", test)):
            if len(split.labels) == 0:
                raise SeesawError(f"The {name} split is empty. Give the task more samples.")

    def between(self, recipe: Recipe, seed: int, start: int, stop: int) -> Data:
        """Serve the train split's steps from `start` to before `stop` of a schedule."""
        self.strides = Strides(self.train, recipe, seed, start, stop)
        return self

    def train_dataloader(self) -> Strides:
        """The steps last asked for with `between`."""
        assert self.strides is not None
        return self.strides

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """Augment and scale on the device that trains."""
        assert self.strides is not None
        return self.scale(augment(batch, self.strides.recipe.crop)), batch.labels


@dataclass(frozen=True)
class About:
    """What a task is, before any file is read.

    Attributes:
        classes: how many.
        sample: what one input looks like to the network.
        recipe: how it is trained.
    """

    classes: int
    sample: Sample
    recipe: Recipe


class Task(Plugin):
    """The contract: `about` says what it is, `data` loads the splits.

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
            SeesawError: files are absent, cut short or not what they should be; it says which to put where.
        """
        raise NotImplementedError(f"{type(self).__name__} must define data(root, seed)")

    def identity(self, root: Path) -> dict[str, Any]:
        """What beside settings and version tells these data from others: a digest of a user's own files, say."""
        return {}


def hold_out(split: Split, count: int, seed: int = 0) -> tuple[Split, Split]:
    """Part a split into the rest and `count` samples drawn at random; the draw depends on `seed` alone."""
    if not 0 < count < len(split.labels):
        less = "fewer" if count else "more"
        raise SeesawError(f"{count} samples cannot be held out of {len(split.labels)}. Ask for {less}.")
    order = torch.randperm(len(split.labels), generator=torch.Generator().manual_seed(seed))
    out, rest = order[:count].sort().values, order[count:].sort().values
    return Split(split.inputs[rest], split.labels[rest]), Split(split.inputs[out], split.labels[out])


def first(split: Split, count: int | None, seed: int = 0) -> Split:
    """A random subset of `count` samples, or the whole split for None; smaller subsets lie within larger ones."""
    if count is None:
        return split
    if not 0 < count <= len(split.labels):
        raise SeesawError(
            f"The split has {len(split.labels)} samples, so {count} cannot be taken. Ask for fewer."
        )
    order = torch.randperm(len(split.labels), generator=torch.Generator().manual_seed(seed + 1))[:count]
    return Split(split.inputs[order], split.labels[order])
