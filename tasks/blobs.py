"""Blobs: synthetic images, a class a template, noise over it. For tests and first steps: a run takes seconds."""

from pathlib import Path
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator

from bench import About, Data, Recipe, Sample, Scale, Split, Task

CLASSES = 8
MOST = 1 << 28
"""Numbers in all images: they are made in memory, as float32 first."""
Count = Annotated[int, Field(ge=8, le=1_000_000)]


class Blobs(Task):
    """Synthetic images in a second: noisy templates, for tests."""

    train: Count = 512
    """training samples"""
    test: Count = 256
    """test samples; as many calibrate"""
    side: Annotated[int, Field(ge=4, le=256)] = 8
    """height and width"""
    channels: Annotated[int, Field(ge=1, le=16)] = 1
    """of each image"""
    noise: Annotated[float, Field(ge=0)] = 48.0
    """deviation of the noise, in grey levels"""

    @model_validator(mode="after")
    def _small(self) -> Self:
        numbers = (self.train + 2 * self.test) * self.channels * self.side**2
        if numbers > MOST:
            raise ValueError(
                f"its images would hold {numbers:,} numbers, and may hold {MOST:,}; ask for fewer or smaller ones"
            )
        return self

    def about(self) -> About:
        sample = Sample((self.channels, self.side, self.side))
        return About(
            CLASSES, sample, Recipe(epochs=3, batch=32, optimizer="adamw", lr=5e-3, weight_decay=1e-2)
        )

    def data(self, root: Path, seed: int) -> Data:
        shape = self.about().sample.shape
        generator = torch.Generator().manual_seed(0)
        templates = torch.randint(64, 192, (CLASSES, *shape), generator=generator)
        count = self.train + 2 * self.test
        labels = torch.arange(count) % CLASSES
        images = templates[labels] + self.noise * torch.randn(count, *shape, generator=generator)
        whole = Split(images.round().clamp(0, 255).to(torch.uint8), labels)
        train, calibration, test = (
            Split(*parts)
            for parts in zip(
                *(tensor.split([self.train, self.test, self.test]) for tensor in whole), strict=True
            )
        )
        return Data(train, calibration, test, Scale((0.5,) * self.channels, (0.25,) * self.channels))
