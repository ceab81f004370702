"""Encoded pictures: where the bytes of each lie, in files below a folder or within tar archives; and their arrays."""

from __future__ import annotations

import hashlib
import io
import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import PIL
import torch
from torch import Tensor

from bench import SeesawError, Split, Stored, kept, random_subset
from tasks.fit import Fit
from tasks.jpeg import tell_of_decoder

log = logging.getLogger("seesaw")

MOST_BYTES = 1 << 26
"""Of one encoded picture."""
SMALL, IN_MEMORY = 1 << 26, 1 << 29
"""Arrays up to so many bytes are made anew in every run, and up to so many are in memory."""
LOOKED_AT = 256
"""Of a set so many files are looked into for its identity, beside the names of all."""


class Encoded:
    """Pictures in files below a folder, in one order.

    Args:
        root: the folder.
        names: of the files, as paths below it.
        labels: of the pictures, int64 (N,).
    """

    def __init__(self, root: Path, names: Sequence[str], labels: np.ndarray) -> None:
        self.root, self.names, self.labels = root, names, labels

    def __len__(self) -> int:
        return len(self.names)

    def at(self, places: np.ndarray) -> Encoded:
        """The pictures at these places."""
        return Encoded(self.root, [self.names[place] for place in map(int, places)], self.labels[places])

    def some(self, count: int | None) -> Encoded:
        """A random part of so many, the same that `random_subset` takes; all for None."""
        if count is None:
            return self
        every = Split(torch.arange(len(self)), torch.from_numpy(self.labels))
        return self.at(random_subset(every, count).inputs.numpy())

    def read(self, place: int) -> bytes:
        """The bytes of a picture.

        Raises:
            SeesawError: the file is gone, or too large for a picture.
        """
        path = self.root / self.names[place]
        try:
            with path.open("rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_size > MOST_BYTES:
                    raise SeesawError(
                        f"{path} has more than {MOST_BYTES >> 20} MB. Save the picture smaller, or remove it."
                    )
                return file.readall()
        except OSError as error:
            raise SeesawError(f"{path} cannot be read ({error.strerror}). Put it back.") from error

    def stamps(self) -> Iterator[str]:
        """A line for every picture, which changes where its bytes may have changed."""
        for name in self.names:
            about = (self.root / name).stat()
            yield f"{name} {about.st_size} {about.st_mtime_ns}"

    def identity(self) -> str:
        """A digest of all names and labels, and of the content of some pictures."""
        digest = hashlib.sha256(self.labels.tobytes())
        for name in self.names:
            digest.update(name.encode() + b"\n")
        for place in range(0, len(self), max(1, len(self) // LOOKED_AT)):
            digest.update(self.read(place))
        return digest.hexdigest()[:16]

    def split(self, fit: Fit, anew: bool = False) -> Split:
        """The pictures as arrays with their labels: in memory, or stored where they are many (`arrays`).

        Args:
            fit: how they become arrays.
            anew: whether they are decoded each time that they are asked for, random parts out of the whole pictures.
        """
        labels = torch.from_numpy(self.labels.copy())
        if not anew:
            return Split(arrays(self, fit), labels)
        tell_of_decoder()
        decoder = Decoder(self, fit)
        return Split(Stored(decoder.shape, decoder, torch.arange(len(self)), decoder.parts), labels)


class Decoder:
    """Decodes pictures as they are asked for, by as many threads as PyTorch has: its and Pillow's code run side by side.

    Args:
        encoded: the pictures.
        fit: how they become arrays.
    """

    def __init__(self, encoded: Encoded, fit: Fit) -> None:
        self.encoded, self.fit = encoded, fit
        self.channels = 3 if fit.colour == "rgb" else 1
        self.shape = (self.channels, fit.size, fit.size)

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        """The threads."""
        return ThreadPoolExecutor(max(1, torch.get_num_threads()), "decode")

    def __call__(self, places: Tensor) -> Tensor:
        """The pictures at places, uint8 (n, C, size, size), channels last in memory."""
        images = np.empty((len(places), self.fit.size, self.fit.size, self.channels), np.uint8)

        def one(row: int, place: int) -> None:
            images[row] = self.fit(*self._file(place)).reshape(images.shape[1:])

        self._each(one, places)
        return torch.from_numpy(images).permute(0, 3, 1, 2)

    def parts(self, places: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        """Parts of the whole pictures at places, scaled: uint8 (n, C, *size).

        Args:
            places: int64 (n,).
            boxes: float64 (n, 4), top, left, height and width as shares, drawn for a square (`placed`).
            size: height and width.
        """
        images = torch.empty(len(places), self.channels, *size, dtype=torch.uint8)
        drawn = boxes.tolist()

        def one(row: int, place: int) -> None:
            images[row] = self.fit.part(*self._file(place), drawn[row], size)

        self._each(one, places)
        return images

    def _file(self, place: int) -> tuple[io.BytesIO, Path]:
        """A picture's bytes and its name."""
        return io.BytesIO(self.encoded.read(place)), self.encoded.root / self.encoded.names[place]

    def _each(self, one: Callable[[int, int], None], places: Tensor) -> None:
        """Call with every row and its place, by the threads."""
        for _ in self.pool.map(one, range(len(places)), places.tolist()):
            pass


def arrays(encoded: Encoded, fit: Fit) -> Tensor:
    """Pictures as arrays: few in memory, many decoded once into a file, and where that has no room, decoded anew each time."""
    decoder = Decoder(encoded, fit)
    count, size = len(encoded), len(encoded) * math.prod(decoder.shape)
    if size <= SMALL:
        return decoder(torch.arange(count))
    tell_of_decoder()

    def report(done: int) -> None:
        if not done:
            log.warning(
                "%s images below %s are decoded once, and kept as %.1f GB in the cache folder.",
                f"{count:,}",
                encoded.root,
                size / 1e9,
            )

    stored = kept(_key(encoded, fit), decoder.shape, decoder, count, report)
    if stored is None:
        log.warning(
            "The disk of the cache folder has no room for %.1f GB, so the %s images below %s are decoded anew each time. "
            "Another folder: SEESAW_CACHE=FOLDER.",
            size / 1e9,
            f"{count:,}",
            encoded.root,
        )
        return Stored(decoder.shape, decoder, torch.arange(count))
    return stored[:] if size <= IN_MEMORY else stored


def _key(encoded: Encoded, fit: Fit) -> str:
    """A digest of all that decoded pictures hang on."""
    digest = hashlib.sha256(f"{encoded.root.resolve()} {PIL.__version__} {asdict(fit)}\n".encode())
    for stamp in encoded.stamps():
        digest.update(stamp.encode() + b"\n")
    return digest.hexdigest()[:24]
