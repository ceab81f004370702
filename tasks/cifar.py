"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): 32x32 in colour, 50,000 and 10,000 images."""

from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bench import About, Positive, Recipe, Sample, Split
from tasks.images import CHECKED, ImageTask, fetch, split_of, write_arrays


class Cifar10(ImageTask):
    """CIFAR-10: photographs, 32x32 in colour, 10 classes."""

    mean: tuple[float, ...] = (0.4914, 0.4822, 0.4465)
    """of each channel on the scale 0..1, subtracted; for published weights (--weights) that of their training"""
    std: tuple[Positive, ...] = (0.2470, 0.2435, 0.2616)
    """of each channel on the scale 0..1, divided by; for published weights that of their training"""

    folder: ClassVar[str] = "cifar10"
    files: ClassVar[str] = "CIFAR10"
    archive: ClassVar[str] = "cifar-10-batches-py"
    classes: ClassVar[int] = 10

    def about(self) -> About:
        recipe = Recipe(epochs=100, batch=128, optimizer="sgd", lr=0.1, weight_decay=5e-4, crop=4, flip=True)
        return About(self.classes, Sample((3, 32, 32)), recipe)

    def places(self, root: Path) -> str:
        there = (
            " (the one there is not whole, or has other bytes than the official one)"
            if (root / self.archive).is_dir()
            else ""
        )
        return (
            f"the folder {self.archive} of the official archive into {root}{there}, or train.npz and test.npz into "
            f"{root / self.folder}"
        )

    def official(self, root: Path) -> tuple[Split, Split]:
        from torchvision import datasets

        kind: Any = getattr(datasets, self.files)
        # The official files are pickles: torchvision opens them only when their MD5 sums are the official ones.
        train, test = fetch(
            lambda train: kind(str(root), train=train, download=True), self.places(root), root
        )
        splits = tuple(split_of(one.data, np.asarray(one.targets)) for one in (train, test))  # type: ignore
        for name, split in zip(("train", "test"), splits, strict=True):
            write_arrays(root / self.folder / f"{name}.npz", split)
        with suppress(OSError):
            (root / self.folder / CHECKED).touch()
        return splits  # type: ignore


class Cifar100(Cifar10):
    """CIFAR-100: photographs, 32x32 in colour, 100 classes."""

    mean: tuple[float, ...] = (0.5071, 0.4865, 0.4409)
    """of each channel on the scale 0..1, subtracted; for published weights (--weights) that of their training"""
    std: tuple[Positive, ...] = (0.2673, 0.2564, 0.2762)
    """of each channel on the scale 0..1, divided by; for published weights that of their training"""

    folder: ClassVar[str] = "cifar100"
    files: ClassVar[str] = "CIFAR100"
    archive: ClassVar[str] = "cifar-100-python"
    classes: ClassVar[int] = 100
