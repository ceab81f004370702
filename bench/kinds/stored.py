"""Stored inputs: a tensor by its shape and its rows, whose numbers are read when rows of it are asked for.

A million photographs do not fit into memory. What trains and measures asks for rows alone, so a split's inputs may as well
lie on a disk, as numbers (`kept`) or as pictures that are decoded anew each time.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.files import DRAFT, cache
from bench.lock import alone

Read = Callable[[Tensor], Tensor]
"""From places, int64 (n,), to inputs, uint8 (n, ...)."""
Parts = Callable[[Tensor, Tensor, tuple[int, int]], Tensor]
"""From places, int64 (n,), boxes, float64 (n, 4), and a size to a part of each image, scaled: uint8 (n, C, *size)."""

FREE = 1.25
"""How many times a file's bytes must be free on its disk before it is written."""
CHUNK = 1 << 24
"""Bytes that are made, or read, at once."""


class Stored(Tensor):
    """Inputs, uint8 (N, ...), that are not in memory: `inputs[rows]` reads rows, and nothing else can be done with them.

    Args:
        shape: of one input.
        read: gives the inputs at places.
        places: of these inputs among those that `read` knows; int64 (N,).
        parts: gives random parts of the images at places, where those are not cut from what `read` gives. A box is top, left,
            height and width as shares of a square.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]
    read: Read
    places: Tensor
    parts: Parts | None

    @staticmethod
    def __new__(
        cls, shape: tuple[int, ...], read: Read, places: Tensor, parts: Parts | None = None
    ) -> Stored:
        return Tensor._make_wrapper_subclass(cls, (len(places), *shape), dtype=torch.uint8)  # type: ignore[attr-defined]

    def __init__(
        self, shape: tuple[int, ...], read: Read, places: Tensor, parts: Parts | None = None
    ) -> None:
        super().__init__()
        self.read, self.places, self.parts = read, places, parts

    def __getitem__(self, rows: Any) -> Tensor:
        """The inputs of these rows, in memory: a number, a slice, or a tensor of numbers or truth values."""
        places = self.places[rows]
        return self.read(places.reshape(1))[0] if places.dim() == 0 else self.read(places)

    def at(self, rows: Tensor) -> Stored:
        """The inputs of these rows, not in memory either."""
        return Stored(tuple(self.shape[1:]), self.read, self.places[rows], self.parts)

    def alone(self) -> Stored:
        """The same inputs, read by what knows no others: those of the test split may lie beside them in one file."""
        read, places, parts = self.read, self.places, self.parts

        def own(rows: Tensor) -> Tensor:
            return read(places[rows])

        def own_parts(rows: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
            assert parts is not None
            return parts(places[rows], boxes, size)

        return Stored(
            tuple(self.shape[1:]), own, torch.arange(len(places)), None if parts is None else own_parts
        )

    def split(self, size: int, dim: int = 0) -> Iterator[Tensor]:  # type: ignore[override]
        """So many rows at once, in memory one after the other."""
        return (self[start : start + size] for start in range(0, len(self), size))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise TypeError(
            f"{func} would bring inputs into memory that do not fit there. Take rows of them first: inputs[rows]."
        )


def at_rows(inputs: Tensor, rows: Tensor) -> Tensor:
    """Inputs at rows: a copy in memory, or still stored where they are."""
    return inputs.at(rows) if isinstance(inputs, Stored) else inputs[rows]


def kept(
    key: str,
    shape: tuple[int, ...],
    make: Read,
    count: int,
    report: Callable[[int], None] = lambda done: None,
) -> Stored | None:
    """Inputs that are made once on this machine, and kept as a file of their numbers in the cache folder.

    Args:
        key: a digest of all that they hang on.
        shape: of one input.
        make: makes those at places.
        count: how many there are.
        report: called with how many are made.

    Returns:
        None where the disk of the cache has no room for them.
    """
    folder = cache() / "inputs"
    path, size = folder / f"{key}.u8", count * int(np.prod(shape))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / f".{key}.lock"):
            if not path.exists() or path.stat().st_size != size:
                for draft in folder.glob(f".{key}.*{DRAFT}"):  # of writers that were killed
                    draft.unlink(missing_ok=True)
                if shutil.disk_usage(folder).free < FREE * size:
                    return None
                _write(path, folder / f".{key}.{os.getpid()}{DRAFT}", shape, make, count, report)
    except OSError as error:
        raise SeesawError(
            f"Decoded images cannot be kept in {folder} ({error.strerror}). Free or unlock it, or name another folder: "
            "SEESAW_CACHE=FOLDER."
        ) from error
    return Stored(shape, RowsOfFile(path, shape), torch.arange(count))


def _write(
    path: Path, draft: Path, shape: tuple[int, ...], make: Read, count: int, report: Callable[[int], None]
) -> None:
    step = max(1, CHUNK // int(np.prod(shape)))
    try:
        with draft.open("wb") as file:
            for start in range(0, count, step):
                report(start)
                file.write(make(torch.arange(start, min(start + step, count))).contiguous().numpy().data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


class RowsOfFile:
    """Reads rows of a file of numbers, one behind the other, without mapping it: what was read leaves no trace in memory."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.shape, self.bytes = shape, int(np.prod(shape))
        self.file, self.lock = path.open("rb", buffering=0), threading.Lock()

    def __call__(self, places: Tensor) -> Tensor:
        rows = np.empty((len(places), self.bytes), np.uint8)
        for row, place in zip(rows, places.tolist(), strict=True):
            with self.lock:
                self.file.seek(place * self.bytes)
                if self.file.readinto(row.data) != self.bytes:
                    raise SeesawError(f"{self.file.name} is cut short. Remove it: it is made again.")
        return torch.from_numpy(rows.reshape(len(places), *self.shape))
