"""Arrays in files that strangers may have made: what a header announces is held against the file before it is allocated."""

from __future__ import annotations

import errno
import gzip
import math
import struct
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from bench.errors import SeesawError

CHUNK = 1 << 24
"""Bytes that are read at once."""


def npz_arrays(path: Path, names: tuple[str, ...], most: int) -> dict[str, np.ndarray]:
    """The arrays of these names that an npz file has; nothing in it is unpickled.

    Args:
        path: of a plain file.
        names: of arrays; those that the file has not are left out, others in it are not read.
        most: bytes that all arrays may have together.

    Raises:
        ValueError: an array's header announces another size than its data have.
        SeesawError: the arrays have more bytes.
        OSError, zipfile.BadZipFile and the like: it cannot be read.
    """
    hold_plain(path)
    with zipfile.ZipFile(path) as archive:
        sizes = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
        wanted = [name for name in names if name in sizes]
        hold_bytes(path, sum(sizes[name].file_size for name in wanted), most)
        for name in wanted:
            with archive.open(sizes[name]) as file:
                if (announced := _announced(file)) != sizes[name].file_size:
                    raise ValueError(
                        f"{name} announces {announced:,} bytes and has {sizes[name].file_size:,}"
                    )
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in wanted}


def _announced(file: IO[bytes]) -> int:
    """The bytes of an npy file by its header, header included."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, kind = read(file)
    if kind.hasobject:
        raise ValueError("objects are not read")
    return file.tell() + math.prod(shape) * kind.itemsize


def idx_array(path: Path, most: int) -> np.ndarray:
    """An idx file of unsigned bytes, plain or gzipped (its name ends in .gz).

    Raises:
        ValueError: it is none, or its data are not as many as its header announces.
        SeesawError: it announces more than `most` bytes.
        OSError, EOFError, struct.error, zlib.error: it cannot be read.
    """
    hold_plain(path)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        zero, kind, dimensions = struct.unpack(">HBB", file.read(4))
        if zero or kind != 8:
            raise ValueError("not an idx file of unsigned bytes")
        shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
        hold_bytes(path, math.prod(shape), most)
        values = bytearray()
        # read(n) takes memory for n bytes before it looks
        while len(values) <= math.prod(shape) and (more := file.read(CHUNK)):
            values += more
    if len(values) != math.prod(shape):
        raise ValueError(f"it announces {math.prod(shape):,} bytes, and has others")
    return np.frombuffer(values, np.uint8).reshape(shape)


def hold_plain(path: Path) -> None:
    """Refuse what is no plain file, such as a pipe, which would be waited for; a link to a file is followed.

    Raises:
        OSError: it is none.
    """
    if not path.is_file():
        what = (
            (errno.EINVAL, "it is no plain file")
            if path.exists()
            else (errno.ENOENT, "there is no such file")
        )
        raise OSError(*what, str(path))


def hold_bytes(path: Path, count: int, most: int) -> None:
    """Refuse data that are too large before memory is taken for them.

    Raises:
        SeesawError: they have more than `most` bytes.
    """
    if count > most:
        raise SeesawError(
            f"{path} announces {count:,} bytes of data, and {most:,} may be in memory. Take fewer or smaller samples."
        )
