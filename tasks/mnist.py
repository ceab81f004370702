"""MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017): 28x28, ten classes, 60,000 and 10,000 images."""

from pathlib import Path
from typing import Any, ClassVar

from bench import About, Positive, Recipe, Sample, Split
from tasks.images import ImageTask, fetch, split_of


class Mnist(ImageTask):
    """MNIST: handwritten digits, 28x28 grey, 10 classes."""

    mean: tuple[float, ...] = (0.1307,)
    """of the one channel on the scale 0..1, subtracted"""
    std: tuple[Positive, ...] = (0.3081,)
    """of the one channel on the scale 0..1, divided by"""

    folder: ClassVar[str] = "mnist"
    files: ClassVar[str] = "MNIST"
    epochs: ClassVar[int] = 5

    def about(self) -> About:
        recipe = Recipe(epochs=self.epochs, batch=128, optimizer="adamw", lr=3e-3, weight_decay=1e-2)
        return About(10, Sample((1, 28, 28)), recipe)

    def places(self, root: Path) -> str:
        return (
            f"the four idx files (train-images-idx3-ubyte and so on) into {root / self.files / 'raw'}, "
            f"or train.npz and test.npz into {root / self.folder}"
        )

    def official(self, root: Path) -> tuple[Split, Split]:
        from torchvision import datasets

        kind: Any = getattr(datasets, self.files)
        train, test = fetch(
            lambda train: kind(str(root), train=train, download=not kind_exists(kind, root)),
            self.places(root),
            root,
        )
        return tuple(split_of(one.data.numpy(), one.targets.numpy()) for one in (train, test))  # type: ignore


def kind_exists(kind: Any, root: Path) -> bool:
    """Whether the raw files of a class of the MNIST family lie below root."""
    raw = root / kind.__name__ / "raw"
    return all(
        (raw / name.removesuffix(".gz")).exists() or (raw / name).exists() for name, _ in kind.resources
    )


class FashionMnist(Mnist):
    """Fashion-MNIST: clothes, 28x28 grey, 10 classes."""

    mean: tuple[float, ...] = (0.2860,)
    """of the one channel on the scale 0..1, subtracted"""
    std: tuple[Positive, ...] = (0.3530,)
    """of the one channel on the scale 0..1, divided by"""

    folder: ClassVar[str] = "fashion-mnist"
    files: ClassVar[str] = "FashionMNIST"
    epochs: ClassVar[int] = 6
