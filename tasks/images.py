"""The base of image tasks: settings for subsets and scaling, and the two layouts that they are read from."""

from __future__ import annotations

import hashlib
import os
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from bench import (
    About,
    Count,
    Data,
    Positive,
    Scale,
    SeesawError,
    Split,
    hold_out,
    idx_array,
    npz_arrays,
    random_subset,
)
from tasks.distort import Distorted

CHECKED = ".checked"
"""An empty file beside arrays that were made from a download whose checksums held."""

WHOLE_BYTES = 1 << 28
"""Data sets up to this size are digested whole."""

MOST_BYTES = 1 << 36
"""The most bytes of one file's arrays: they are read into memory."""

EDGE_BYTES = 1 << 16
"""Of each file of a larger set, so much is digested from the beginning and the end."""

_BROKEN = (
    OSError,
    ValueError,
    MemoryError,
    struct.error,
    KeyError,
    IndexError,
    EOFError,
    TypeError,
    AttributeError,
    zipfile.BadZipFile,
    zlib.error,
)


_digests: dict[tuple[Any, ...], str] = {}
"""Digests of data on disk, by their files' sizes and times: to read them takes a second."""


class ImageTask(Distorted):
    """An image data set in two files or in its official layout, with a calibration split held out of training."""

    train: Count | None = None
    """take only so many training samples (before the calibration split is held out); none takes all"""
    test: Count | None = None
    """take only so many test samples; none takes all"""
    calibration: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """share of the training samples that thresholds are set on"""

    mean: tuple[float, ...] = (0.5,)
    """of each channel on the scale 0..1, subtracted; for published weights (--weights) that of their training"""
    std: tuple[Positive, ...] = (0.25,)
    """of each channel on the scale 0..1, divided by; for published weights that of their training"""

    folder: ClassVar[str]
    """where `train.npz` and `test.npz` lie below root"""
    official_digest: ClassVar[str] = ""
    """digest of the official data (`content`); empty where none is on record"""

    def sources(self, root: Path) -> list[Path]:
        """The official files below root that `on_disk` reads."""
        return []

    def on_disk(self, root: Path) -> tuple[Split, Split] | None:
        """Training and test split from files below root that are not arrays; None where there are none."""
        return None

    def official(self, root: Path) -> tuple[Split, Split]:
        """Training and test split from the official files below root, or from a checked download of them."""
        raise NotImplementedError(f"{type(self).__name__} must define official(root)")

    def places(self, root: Path) -> str:
        """Which official files belong where, in words."""
        raise NotImplementedError(f"{type(self).__name__} must define places(root)")

    def data(self, root: Path, seed: int) -> Data:
        """Read `<root>/<task>/{train,test}.npz` where they are, else the official files."""
        train, test = self._at_hand(root) or self.official(root)
        about = self.about()
        for name, split in (("train", train), ("test", test)):
            self._check(name, split, about)
        return self._parted(train, test, Scale(self.mean, self.std))

    def identity(self, root: Path) -> dict[str, Any]:
        """Nothing for the official data, else a digest: other data may have files of the official names."""
        if (root / self.folder / CHECKED).exists():
            return {}
        files = [root / self.folder / f"{name}.npz" for name in ("train", "test")] + self.sources(root)
        stamp = (
            self.folder,
            *((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files if p.exists()),
        )
        if stamp not in _digests:
            splits = self._at_hand(root)
            _digests[stamp] = "" if splits is None else content(*splits)
        return {} if _digests[stamp] in ("", self.official_digest) else {"content": _digests[stamp]}

    def _at_hand(self, root: Path) -> tuple[Split, Split] | None:
        arrays = [root / self.folder / f"{name}.npz" for name in ("train", "test")]
        if all(path.exists() for path in arrays):
            return read_arrays(arrays[0]), read_arrays(arrays[1])
        return self.on_disk(root)

    def _parted(self, train: Split, test: Split, scale: Scale, calibration: Split | None = None) -> Data:
        """The three splits, with the subsets and the distortion of the settings; calibration is held out where not given."""
        channels = train.inputs.shape[1]
        if not len(scale.mean) == len(scale.std) == channels:
            raise SeesawError(
                f"These images have {channels} channels, and mean and std have {len(scale.mean)} and "
                f"{len(scale.std)} numbers. Give one a channel, joined by ':'."
            )
        train = random_subset(train, self.train)
        if calibration is None:
            train, calibration = hold_out(train, max(1, round(self.calibration * len(train.labels))))
        return Data(train, calibration, random_subset(self.distort(test, scale), self.test), scale)

    def _check(self, name: str, split: Split, about: About) -> None:
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
        arrays = npz_arrays(path, ("images", "labels"), MOST_BYTES)
        images, labels = arrays["images"], arrays["labels"]
    except _BROKEN as error:
        raise SeesawError(
            f"{path} cannot be read ({error}). Put a whole npz file there with arrays `images` (uint8, N x H x W "
            "or N x H x W x C) and `labels` (int64, N)."
        ) from error
    whole = np.issubdtype(labels.dtype, np.integer)
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or labels.shape != (len(images),) or not whole:
        raise SeesawError(
            f"{path} holds images {images.dtype} {images.shape} and labels {labels.shape}. "
            "Write `images` as uint8, N x H x W or N x H x W x C, and as many whole `labels`."
        )
    if not len(images) or labels.min() < 0:
        raise SeesawError(
            f"{path} holds {len(images)} images with labels from {labels.min() if len(labels) else 'nowhere'} on. "
            "Write one image at least, and labels from 0 on."
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
        open_one: from whether it is the training set to the data set, downloaded and checked where absent.
        where: which files belong where, in words.
        root: folder of data sets.

    Raises:
        SeesawError: neither on disk nor to be fetched.
    """
    try:
        return open_one(True), open_one(False)
    except Exception as error:  # torchvision raises RuntimeError, URLError, EOFError, struct.error and others
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SeesawError(
            f"These data are not (whole) below {root} and could not be downloaded ({reason}). Put {where}, "
            "or name the folder that has them with SEESAW_DATA."
        ) from error


def content(train: Split, test: Split) -> str:
    """A digest of every image and label, whatever file they came in."""
    digest = hashlib.sha256()
    for tensor in (*train, *test):
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()[:16]


def fingerprint(files: list[Path], root: Path) -> str:
    """A digest of names, sizes and content; of large sets, of each file's beginning and end. Systems spell names alike."""
    names = {path: unicodedata.normalize("NFC", path.relative_to(root).as_posix()) for path in files}
    sizes = {path: path.stat().st_size for path in sorted(names, key=names.__getitem__)}
    digest = hashlib.sha256()
    for path, size in sizes.items():
        digest.update(f"{names[path]} {size}\n".encode())
        with path.open("rb") as file:
            if sum(sizes.values()) <= WHOLE_BYTES or size <= 2 * EDGE_BYTES:
                digest.update(file.read())
            else:
                digest.update(file.read(EDGE_BYTES))
                file.seek(size - EDGE_BYTES)
                digest.update(file.read(EDGE_BYTES))
    return digest.hexdigest()[:16]


def idx_files(root: Path) -> list[Path]:
    """The four idx files like MNIST's, plain or gzipped, as they are paired; empty if one is absent."""
    names = [f"{stem}-{what}-ubyte" for stem in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]
    paths = [path for name in names if (path := _plain_or_gz(root / name)) is not None]
    return paths if len(paths) == len(names) else []


def read_idx(root: Path) -> tuple[Split, Split] | None:
    """Training and test split from four idx files like MNIST's, plain or gzipped; None if one is absent."""
    splits = []
    files = idx_files(root)
    for stem, paths in zip(("train", "t10k"), (files[:2], files[2:]), strict=True):
        if not paths:
            return None
        images, labels = (_read_idx(path) for path in paths)
        if images.ndim != 3 or labels.shape != (len(images),):
            raise SeesawError(
                f"The idx files {stem}-* below {root} hold images {images.shape} and labels {labels.shape}. "
                "Fetch them again."
            )
        splits.append(split_of(images, labels))
    return splits[0], splits[1]


def _plain_or_gz(path: Path) -> Path | None:
    return next((p for p in (path, path.with_name(f"{path.name}.gz")) if p.exists()), None)


def _read_idx(path: Path) -> np.ndarray:
    """One idx file of unsigned bytes."""
    try:
        return idx_array(path, MOST_BYTES)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise SeesawError(f"{path} is no whole idx file ({error}). Fetch it again.") from error
