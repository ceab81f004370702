"""A user's own images: a folder a class, or arrays, or idx files; resized to one size, as uint8 in memory or on disk."""

import logging
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import AfterValidator, Field
from torch import Tensor

from bench import (
    About,
    Count,
    Data,
    FolderPath,
    Positive,
    Recipe,
    Sample,
    Scale,
    SeesawError,
    Split,
    hold_out,
)
from tasks.array_files import ArrayFiles
from tasks.encoded import Encoded
from tasks.fit import Fit, fitted
from tasks.images import ImageTask, fingerprint, split_of
from tasks.pictures import Pictures, framed_note, some_of

log = logging.getLogger("seesaw")
AT_ONCE = 1 << 26
"""Numbers that are looked at together for mean and deviation."""
LAYOUTS = (
    "PATH/train/CLASS/*.png and PATH/test/CLASS/*.png (and PATH/val, for calibration), or PATH/CLASS/*.png, "
    "or PATH/train.npz and PATH/test.npz (and PATH/val.npz), or the four idx files of the MNIST family"
)


class Folder(ImageTask):
    """Your own images: folder[path=DIR] with a folder a class, or arrays, or idx files."""

    version: ClassVar[int] = 3
    mean: tuple[float, ...] = ()
    """of each channel on the scale 0..1, subtracted; the training images' own where left out; for published weights (--weights) that of their training"""
    std: tuple[Positive, ...] = ()
    """of each channel on the scale 0..1, divided by; as mean where left out"""
    path: Annotated[FolderPath, AfterValidator(lambda path: str(Path(path)) if path else path)] = ""
    """the folder"""
    size: Annotated[int, Field(ge=4, le=1024)] = 32
    """height and width that every image is scaled and cropped to"""
    colour: Literal["rgb", "grey"] = "rgb"
    """rgb gives 3 channels, grey 1"""
    epochs: Count = 30
    """passes over the train split"""
    flip: bool = True
    """whether to mirror images at random while training"""
    anew: bool = False
    """whether training pictures are decoded in every epoch, random parts (--set zoom=0.08) out of whole ones; else once, their middle kept"""
    held: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """share held out as the test split where the folder has none"""

    @property
    def root(self) -> Path:
        """The folder.

        Raises:
            SeesawError: there is none.
        """
        root = Path(self.path).expanduser()
        if not self.path or not root.is_dir():
            missing = f"{self.path} is no folder" if self.path else "The task folder needs a path"
            raise SeesawError(f"{missing}. Write folder[path=DIR] with {LAYOUTS}.")
        return root

    @property
    def names(self) -> list[str]:
        """Names of the classes, sorted; empty for arrays and idx files."""
        return [] if ArrayFiles.below(self.root).files else list(Pictures.below(self.root).names)

    def about(self) -> About:
        arrays = ArrayFiles.below(self.root)
        classes = (
            1 + int(arrays.splits()["train"].labels.max()) if arrays.files else len(self._pictures().names)
        )
        recipe = Recipe(
            epochs=self.epochs, batch=64, optimizer="adamw", lr=3e-3, weight_decay=1e-2,
            crop=self.size // 8, flip=self.flip,
        )  # fmt: skip
        return About(classes, Sample(self._shape), recipe)

    @property
    def _shape(self) -> tuple[int, int, int]:
        return 3 if self.colour == "rgb" else 1, self.size, self.size

    def identity(self, root: Path) -> dict[str, Any]:
        """A digest of the files: two folders at one path, or one folder changed, are different data."""
        return {
            "files": fingerprint(
                ArrayFiles.below(self.root).files or Pictures.below(self.root).files, self.root
            )
        }

    def data(self, root: Path, seed: int) -> Data:
        splits = self._splits()
        train, calibration, test = (splits.get(name) for name in ("train", "calibration", "test"))
        assert train is not None
        if len(train.labels) < 1 + (test is None) + (calibration is None):
            raise SeesawError(
                f"{self.path} holds {len(train.labels)} images to train on, of which some are held out for other splits. {self._mend}"
            )
        if test is None:
            train, test = hold_out(train, max(1, round(self.held * len(train.labels))))
        data = self._parted(train, test, self._scale(train), calibration)
        self._check_trained(data)
        return data

    @property
    def _mend(self) -> str:
        return (
            "Give every class several images, or put those of each split into a folder of its own: "
            f"{self.path}/train, {self.path}/val and {self.path}/test."
        )

    def _check_trained(self, data: Data) -> None:
        """Name the classes of which no image is left to train on, as images are held out at random.

        Raises:
            SeesawError: too few are left to learn anything that the test split asks.
        """
        trained, tested = (set(split.labels.tolist()) for split in (data.train, data.test))
        if len(trained) < 2 or not tested & trained:
            raise SeesawError(
                f"{len(data.train.labels)} images below {self.path} are left to train on, as others are held out, and none is of a "
                f"class that the test split asks, or all are of one. {self._mend}"
            )
        if lost := sorted((tested | set(data.calibration.labels.tolist())) - trained):
            names = self.names
            shown = some_of([names[label] if names else str(label) for label in lost])
            log.warning(
                "%s: no image of %s is left to train on, as images are held out for other splits. %s",
                self.path, shown, self._mend,
            )  # fmt: skip

    def _scale(self, train: Split) -> Scale:
        """Mean and deviation as set, else each channel's own, over training images at equal steps."""
        if self.mean and self.std:
            return Scale(self.mean, self.std)
        mean, std = moments(train.inputs, max(1, len(train.inputs) >> 12))
        return Scale(self.mean or mean, self.std or std)

    def _splits(self) -> dict[str, Split]:
        """The splits that the folder has; one that is still to be parted is `train`."""
        arrays = ArrayFiles.below(self.root)
        if arrays.files:
            splits = arrays.splits()
            arrays.tell(splits)
            return {name: self._fit(split) for name, split in splits.items()}
        pictures = self._pictures()
        framed = framed_note(self.root, pictures.files)
        for note in pictures.notes if framed is None else (*pictures.notes, framed):
            log.warning("%s", note)
        return {split: self._decode(split, files) for split, files in pictures.splits.items()}

    def _pictures(self) -> Pictures:
        """The pictures, of two classes or more."""
        pictures = Pictures.below(self.root)
        if not pictures.names:
            raise SeesawError(f"{self.root} holds no images that Seesaw knows. Put there {LAYOUTS}.")
        if len(pictures.names) < 2:
            raise SeesawError(
                f"{self.root} holds one class, {''.join(pictures.names)}. Put a folder for every class there."
            )
        return pictures

    def _decode(self, split: str, files: list[tuple[Path, int]]) -> Split:
        if not files:
            raise SeesawError(
                f"The folder of the {split} split below {self.root} holds no images. Put a folder for every class there, "
                "or remove it."
            )
        names = [path.relative_to(self.root).as_posix() for path, _ in files]
        labels = np.array([label for _, label in files], np.int64)
        return Encoded(self.root, names, labels).split(
            Fit(self.size, self.colour), anew=self.anew and split == "train"
        )

    def _fit(self, split: Split) -> Split:
        """Arrays in the task's colour and size."""
        if split.inputs.shape[1] not in (1, 3, 4):
            raise SeesawError(
                f"{self.root} holds arrays of {split.inputs.shape[1]} channels. Write 1, 3 or 4 (with an alpha)."
            )
        if tuple(split.inputs.shape[1:]) == self._shape:
            return split
        pictures = (
            Image.fromarray(one[0].numpy() if len(one) == 1 else one.permute(1, 2, 0).numpy())
            for one in split.inputs
        )
        return Split(
            split_of(np.stack([fitted(p, self.size, self.colour) for p in pictures]), np.zeros(1)).inputs,
            split.labels,
        )


def moments(inputs: Tensor, step: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel on the scale 0..1, over every so many-th image; many are read a few at a time."""
    places = torch.arange(0, len(inputs), step)
    if len(places) * inputs.shape[1:].numel() <= AT_ONCE:
        values = inputs[::step].float() / 255
        mean, std = values.mean((0, 2, 3)), values.std((0, 2, 3))
    else:
        sums = torch.zeros(2, inputs.shape[1], dtype=torch.float64)
        for rows in places.split(max(1, AT_ONCE // inputs.shape[1:].numel())):
            values = inputs[rows].float() / 255
            sums += torch.stack([values.sum((0, 2, 3)), values.square().sum((0, 2, 3))])
        mean, square = sums / (len(places) * inputs.shape[2] * inputs.shape[3])
        std = (square - mean.square()).clamp(min=0).sqrt()
    return tuple(mean.tolist()), tuple(std.clamp(min=1e-3).tolist())
