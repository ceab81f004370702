"""What the image tasks share: settings for subsets and scaling, and the two layouts they are read from."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field

from bench import Count, Data, Positive, Scale, SeesawError, Split, Task, first, hold_out


class ImageTask(Task):
    """An image data set in two files or in its official layout, with a calibration split held out of training."""

    train: Count | None = None
    """take only so many training samples (before the calibration split is held out); none takes all"""
    test: Count | None = None
    """take only so many test samples; none takes all"""
    calibration: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """share of the training samples that thresholds are set on"""

    mean: tuple[float, ...] = (0.5,)
    """of each channel on the scale 0..1, subtracted"""
    std: tuple[Positive, ...] = (0.25,)
    """of each channel on the scale 0..1, divided by"""

    folder: ClassVar[str]
    """where `train.npz` and `test.npz` lie below root"""

    def official(self, root: Path) -> tuple[Split, Split]:
        """Training and test split from the official files below root, or from a checked download of them."""
        raise NotImplementedError(f"{type(self).__name__} must define official(root)")

    def places(self, root: Path) -> str:
        """Which official files belong where, in words."""
        raise NotImplementedError(f"{type(self).__name__} must define places(root)")

    def data(self, root: Path, seed: int) -> Data:
        """Read `<root>/<task>/{train,test}.npz` where they are, else the official files."""
        arrays = [root / self.folder / f"{name}.npz" for name in ("train", "test")]
        train, test = (
            (read_arrays(arrays[0]), read_arrays(arrays[1]))
            if all(path.exists() for path in arrays)
            else self.official(root)
        )
        for name, split in (("train", train), ("test", test)):
            self._check(name, split)
        channels = self.about().sample.shape[0]
        if not len(self.mean) == len(self.std) == channels:
            raise SeesawError(
                f"These images have {channels} channels, and mean and std have {len(self.mean)} and {len(self.std)} "
                "numbers. Give one a channel, joined by ':'."
            )
        train = first(train, self.train)
        train, calibration = hold_out(train, max(1, round(self.calibration * len(train.labels))))
        return Data(train, calibration, first(test, self.test), Scale(self.mean, self.std))

    def _check(self, name: str, split: Split) -> None:
        about = self.about()
        if tuple(split.inputs.shape[1:]) != about.sample.shape:
            raise SeesawError(
                f"The {name} images below {self.folder} are {tuple(split.inputs.shape[1:])} (channels, height, "
                f"width), not {about.sample.shape}. Put that data set's own files there, or use folder[path=...]."
            )
        if split.labels.min() < 0 or split.labels.max() >= about.classes:
            raise SeesawError(
                f"The {name} labels below {self.folder} run from {int(split.labels.min())} to "
                f"{int(split.labels.max())}, not from 0 to {about.classes - 1}. Put that data set's own files there."
            )


def read_arrays(path: Path) -> Split:
    """Read `images` uint8 (N, H, W) or (N, H, W, C) and `labels` (N,) from an npz file; nothing is unpickled.

    Raises:
        SeesawError: cut short, or not these arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SeesawError(
            f"{path} cannot be read ({error}). Put a whole npz file there with arrays `images` (uint8, N x H x W "
            "or N x H x W x C) and `labels` (int64, N)."
        ) from error
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or labels.shape != (len(images),):
        raise SeesawError(
            f"{path} holds images {images.dtype} {images.shape} and labels {labels.shape}. "
            "Write `images` as uint8, N x H x W or N x H x W x C, and as many `labels`."
        )
    return split_of(images, labels)


def split_of(images: np.ndarray, labels: np.ndarray) -> Split:
    """Arrays as a split: channels move to the front."""
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return Split(
        torch.from_numpy(np.require(images, requirements=["C", "W"])),
        torch.from_numpy(labels.astype(np.int64, copy=True)),
    )


def write_arrays(path: Path, split: Split) -> None:
    """Write a split as npz, whole or not at all; a folder that cannot be written is left as it is."""
    images = split.inputs.permute(0, 2, 3, 1).numpy()
    draft = path.with_name(f".{path.name}.{os.getpid()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(draft, images=images, labels=split.labels.numpy())
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)


def fetch(open_one: Callable[[bool], object], where: str, root: Path) -> tuple[object, object]:
    """The training and test set of a torchvision class: from disk, else downloaded and checked against checksums.

    Args:
        open_one: takes train or not, gives the data set with download allowed; checks what it fetched.
        where: which files belong where.
        root: folder of data sets.

    Raises:
        SeesawError: neither on disk nor to be had.
    """
    try:
        return open_one(True), open_one(False)
    except Exception as error:  # torchvision raises RuntimeError, URLError, EOFError, struct.error and others
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SeesawError(
            f"These data are not (whole) below {root} and could not be downloaded ({reason}). Put {where}, "
            "or name the folder that has them with SEESAW_DATA."
        ) from error


def fingerprint(files: list[Path], root: Path) -> str:
    """A digest of names and sizes, in order."""
    text = "\n".join(f"{path.relative_to(root).as_posix()} {path.stat().st_size}" for path in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
