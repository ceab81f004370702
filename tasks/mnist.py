"""MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017): 28x28, ten classes, 60,000 and 10,000 images."""

from pathlib import Path
from typing import Any, ClassVar

from bench import About, Positive, Recipe, Sample, Split
from tasks.images import ImageTask, fetch, read_idx, split_of


class Mnist(ImageTask):
    """MNIST: handwritten digits, 28x28 grey, 10 classes."""

    mean: tuple[float, ...] = (0.1307,)
    """of the one channel on the scale 0..1, subtracted; for published weights (--weights) that of their training"""
    std: tuple[Positive, ...] = (0.3081,)
    """of the one channel on the scale 0..1, divided by; for published weights that of their training"""

    folder: ClassVar[str] = "mnist"
    official_digest: ClassVar[str] = "05ab87c0464c87c8"
    files: ClassVar[str] = "MNIST"
    epochs: ClassVar[int] = 3

    def about(self) -> About:
        recipe = Recipe(epochs=self.epochs, batch=128, optimizer="adamw", lr=3e-3, weight_decay=1e-2)
        return About(10, Sample((1, 28, 28)), recipe)

    def places(self, root: Path) -> str:
        return (
            f"the four idx files (train-images-idx3-ubyte and so on, or .gz) into {root / self.files / 'raw'}, "
            f"or train.npz and test.npz into {root / self.folder}"
        )

    def sources(self, root: Path) -> list[Path]:
        return sorted((root / self.files / "raw").glob("*-ubyte*"))

    def on_disk(self, root: Path) -> tuple[Split, Split] | None:
        return read_idx(root / self.files / "raw")

    def official(self, root: Path) -> tuple[Split, Split]:
        from torchvision import datasets

        kind: Any = getattr(datasets, self.files)
        sets: Any = fetch(lambda train: kind(str(root), train=train, download=True), self.places(root), root)
        train, test = (split_of(one.data.numpy(), one.targets.numpy()) for one in sets)
        return train, test


class FashionMnist(Mnist):
    """Fashion-MNIST: clothes, 28x28 grey, 10 classes."""

    mean: tuple[float, ...] = (0.2860,)
    """of the one channel on the scale 0..1, subtracted; for published weights (--weights) that of their training"""
    std: tuple[Positive, ...] = (0.3530,)
    """of the one channel on the scale 0..1, divided by; for published weights that of their training"""

    folder: ClassVar[str] = "fashion-mnist"
    official_digest: ClassVar[str] = "023af56f2df4044c"
    files: ClassVar[str] = "FashionMNIST"
    epochs: ClassVar[int] = 4
