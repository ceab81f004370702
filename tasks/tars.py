"""Pictures within tar archives, read where they lie: nothing is unpacked, so no name in an archive becomes a path."""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from bench import SeesawError, hold_plain
from tasks.encoded import MOST_BYTES, Encoded

MOST_MEMBERS = 1 << 21
"""Files in an archive, those of archives within it included."""


class Member(NamedTuple):
    """A file in an archive: its name without folders, and where its bytes lie in the archive's file."""

    name: str
    start: int
    size: int


class InTar(Encoded):
    """Pictures in one tar archive, in one order.

    Args:
        path: of the archive.
        members: where they lie.
        labels: of the pictures, int64 (N,).
    """

    def __init__(self, path: Path, members: Sequence[Member], labels: np.ndarray) -> None:
        super().__init__(path, [one.name for one in members], labels)
        self.starts = np.array([one.start for one in members], np.int64)
        self.sizes = np.array([one.size for one in members], np.int64)
        self.lock, self.file = threading.Lock(), path.open("rb", buffering=0)

    def at(self, places: np.ndarray) -> InTar:
        members = [
            Member(self.names[place], int(self.starts[place]), int(self.sizes[place]))
            for place in map(int, places)
        ]
        return InTar(self.root, members, self.labels[places])

    def read(self, place: int) -> bytes:
        size = int(self.sizes[place])
        if size > MOST_BYTES:
            raise SeesawError(
                f"{self.names[place]} in {self.root} has {size:,} bytes, too many for a picture. Fetch the archive again."
            )
        with self.lock:
            self.file.seek(int(self.starts[place]))
            data = self.file.read(size)
        if len(data) != size:
            raise SeesawError(f"{self.root} is cut short. Fetch it again.")
        return data

    def stamps(self) -> Iterator[str]:
        about = self.root.stat()
        yield f"{self.root.name} {about.st_size} {about.st_mtime_ns}"
        for name, start in zip(self.names, self.starts.tolist(), strict=True):
            yield f"{name} {start}"


def members(path: Path) -> dict[str, list[Member]]:
    """The files of a tar archive by the archive within it that they lie in, which is named without its ending; `` outside any.

    Raises:
        SeesawError: no tar archive, a packed one, or one of too many files.
    """
    about = path.stat()
    return _members(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=8)
def _members(path: Path, size: int, changed: int) -> dict[str, list[Member]]:
    found: dict[str, list[Member]] = {}
    count = 0
    try:
        hold_plain(path)
        with path.open("rb") as file:
            for one in _listed(file, 0):
                if one.start + one.size > size:
                    raise tarfile.ReadError("it is cut short")
                inner = _listed(file, one.start) if one.name.endswith(".tar") else [one]
                group = one.name.removesuffix(".tar") if one.name.endswith(".tar") else ""
                for member in inner:
                    count += 1
                    if count > MOST_MEMBERS:
                        raise tarfile.ReadError(f"more than {MOST_MEMBERS:,} files")
                    found.setdefault(group, []).append(member)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise SeesawError(
            f"{path} cannot be read as a tar archive ({error}). Fetch it again, or unpack it."
        ) from error
    return found


def _listed(file: IO[bytes], start: int) -> Iterator[Member]:
    """The plain files of an archive that begins at a place of a file; links and devices are passed over."""
    file.seek(start)
    with tarfile.TarFile(fileobj=file) as archive:
        while (one := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps all of a million
            back = file.tell()
            if one.isreg():
                yield Member(one.name.rpartition("/")[2], one.offset_data, one.size)
            file.seek(back)
