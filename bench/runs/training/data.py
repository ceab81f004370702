"""The train split in batches of several steps, drawn by seed and epoch, as Lightning serves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.kinds.stored import Stored
from bench.kinds.task import LentData, Split
from bench.network.seeds import derived_seed
from bench.records.setup import Recipe
from bench.runs.training.ahead import ahead
from bench.runs.training.world import World
from bench.runs.training.zoom import drawn_boxes, mirror, zoomed

STRIDE_BYTES, STRIDE_STEPS = 8 << 20, 16
"""The most bytes and steps that a batch holds, but for a single larger step."""
STEP_PLACES = 8
"""A step of texts has a multiple of so many places: few different shapes, each of which is counted once."""


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

    Of several processes each gets its share of every step: together they are the steps of one process.
    """

    def __init__(
        self,
        split: Split,
        recipe: Recipe,
        seed: int,
        start: int,
        stop: int,
        size: tuple[int, ...] | None = None,
        world: World | None = None,
    ) -> None:
        self.split, self.recipe, self.seed, self.size = split, recipe, seed, size
        self.world = world or World()
        self.batch = min(recipe.batch, len(split.labels))
        self.per_epoch = len(split.labels) // self.batch
        self.step, self.stop = start, stop
        step_bytes = split.inputs[0].nbytes * self.batch
        self.steps = max(1, min(STRIDE_STEPS, STRIDE_BYTES // step_bytes))

    def __iter__(self) -> Iterator[Batch]:
        epoch, first = divmod(self.step, self.per_epoch)
        last = min(self.per_epoch, self.stop - epoch * self.per_epoch)
        generator = torch.Generator().manual_seed(derived_seed(self.seed, 1_000_003, epoch))
        order = torch.randperm(len(self.split.labels), generator=generator)
        shift = flip = None
        if self.recipe.crop:
            shift = torch.randint(2 * self.recipe.crop + 1, (len(order), 2), generator=generator)
        if self.recipe.flip:
            flip = torch.rand(len(order), generator=generator) < 0.5
        boxes = None if self.recipe.zoom is None else drawn_boxes(len(order), self.recipe.zoom, generator)
        for step in range(first, last, self.steps):
            stop = min(step + self.steps, last)
            rows = self.world.share(torch.arange(step * self.batch, stop * self.batch), self.batch)
            self.step += stop - step
            batch = Batch(
                self._inputs(order[rows], None if boxes is None else boxes[rows]),
                self.split.labels[order[rows]],
                None if shift is None else shift[rows],
                None if flip is None else flip[rows],
            )
            yield batch if boxes is None else mirrored(batch)

    def _inputs(self, places: Tensor, boxes: Tensor | None) -> Tensor:
        """The inputs at places, or parts of them scaled to the network's size."""
        inputs = self.split.inputs
        if boxes is None or self.size is None:
            return inputs[places]
        size = (self.size[-2], self.size[-1])
        if isinstance(inputs, Stored) and inputs.parts is not None:
            return inputs.parts(inputs.places[places], boxes, size)
        return zoomed(inputs[places], boxes, size)


def mirrored(batch: Batch) -> Batch:
    """A batch of scaled parts, mirrored already: here each costs a tenth of what it costs in `augment` on a processor."""
    if batch.flip is None or batch.shift is not None:  # shifted first
        return batch
    return batch._replace(inputs=mirror(batch.inputs, batch.flip), flip=None)


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

    Networks for texts give the same logits without these places; most texts are far shorter than the longest.
    """
    places = steps[0].shape[1]
    at = torch.arange(1, places + 1, device=steps[0].device)
    longest = torch.stack([((ids != 0) * at).max() for ids in steps]).tolist()
    eights = [max(1, -(-number // STEP_PLACES)) for number in longest]
    return [ids[:, : STEP_PLACES * count] for ids, count in zip(steps, eights, strict=True)]


class Ahead:
    """Strides of which some are made ahead, by a thread."""

    def __init__(self, strides: Strides) -> None:
        self.strides = strides

    def __iter__(self) -> Iterator[Batch]:
        return ahead(self.strides)


class TrainData(pl.LightningDataModule):
    """The steps of a schedule from `start` to before `stop`, augmented and scaled on the device that trains.

    Args:
        data: the train split that is served.
        recipe: batch and augmentation.
        seed: orders the samples and draws the augmentation.
        start: first step.
        stop: the step after the last.
        world: the processes that share the steps; this one alone where left out.
    """

    def __init__(
        self, data: LentData, recipe: Recipe, seed: int, start: int, stop: int, world: World | None = None
    ) -> None:
        super().__init__()
        self.data, self.recipe = data, recipe
        size = tuple(data.scale(data.train.inputs[:1]).shape[1:])
        self.strides = Strides(data.train, recipe, seed, start, stop, size, world)

    def train_dataloader(self) -> Strides | Ahead:
        """Batches of several steps each; where they are read, decoded or scaled, that is done while others train."""
        slow = self.recipe.zoom is not None or isinstance(self.data.train.inputs, Stored)
        return Ahead(self.strides) if slow else self.strides

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """Inputs as the network takes them, and labels."""
        return self.data.scale(augment(batch, self.recipe.crop)), batch.labels
