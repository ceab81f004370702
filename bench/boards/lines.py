"""Lines: a file of lines in the cache folder that one version of the code wrote, and that is only added to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import bench
from bench.errors import SeesawError
from bench.files import cache, write_whole
from bench.lock import alone
from bench.plain import log


class Lines:
    """A file of lines, and the version of the code whose lines it holds.

    Args:
        name: of the file, in the folder `boards` of the cache folder.
        version: of the code; lines of another are of no use.
    """

    def __init__(self, name: str, version: str) -> None:
        self._version, self._path = version, _path(name)
        self._is_there = False

    def read(self) -> Iterator[str]:
        """The lines; none where there is no file of this version.

        Raises:
            OSError, ValueError: the file cannot be read to its end.
        """
        self._is_there = self._first() == self._version
        if self._path is None or not self._is_there:
            return
        with self._path.open(encoding="utf-8") as file:
            yield from filter(str.strip, islice(file, 1, None))

    def add(self, lines: Sequence[str]) -> None:
        """Add lines to a file that was read, unless other code has begun it anew meanwhile; begin it where there was none."""
        self._write(lines, anew=not self._is_there)

    def begin(self, lines: Sequence[str]) -> None:
        """Put lines in the place of all that the file held."""
        self._write(lines, anew=True)

    def _write(self, lines: Sequence[str], *, anew: bool) -> None:
        if self._path is None:
            return
        try:
            with alone(self._path.with_suffix(".lock")):
                if anew:
                    content = "\n".join([self._version, *lines, ""])
                    write_whole(self._path, content.encode(), "SEESAW_CACHE")
                    self._is_there = True
                elif self._first() == self._version:
                    with self._path.open("a", encoding="utf-8") as file:
                        file.write("\n".join(["", *lines, ""]))
        except (OSError, SeesawError) as error:
            log.warning("What boards read is not kept for the next time. %s", error)

    def _first(self) -> str:
        """The version that the file is of; empty where there is none."""
        if self._path is None:
            return ""
        try:
            with self._path.open(encoding="utf-8") as file:
                return file.readline().strip()
        except (OSError, ValueError):
            return ""


def _path(name: str) -> Path | None:
    """Where a file of lines lies; None where there is no cache folder, which a line in the log says."""
    try:
        return cache() / "boards" / name
    except SeesawError as error:
        log.warning("Nothing is kept of records, so each is read anew. %s", error)
        return None


def place_of(folder: Path) -> str:
    """A name for what is kept of the files of one folder."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def digest_of(patterns: Iterable[str]) -> str:
    """A digest of the code in the files of this distribution's package `bench` that match patterns."""
    home, found = Path(bench.__file__).parent, hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in home.glob(pattern)}):
        found.update(path.relative_to(home).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()
