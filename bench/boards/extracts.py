"""Extracts: those of all records of a store; what was read and found sound once is kept, and neither read nor checked again.

They are kept in the cache folder, in lines of JSON that are only added to. A line holds for one content of one file at one
place, and a file of lines for one state of the code that reads and checks records, that of the plugins' settings among it: the
faults of a record depend on all of these and on nothing else (other kinds of files may be disputed by files beside them; they
are not kept). Records with a fault are looked at again each time, and so are the notes beside files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import bench
from bench.boards import extract
from bench.boards.extract import Extract, Tables, values_of
from bench.errors import SeesawError
from bench.files import cache, read_plain, write_whole
from bench.lock import alone
from bench.plain import log
from bench.plugins.listing import bases, card
from bench.plugins.plugin import entries
from bench.records.checks.files import cores, processes_of
from bench.records.record import Record
from bench.records.sealed import MAX_BYTES
from bench.records.store import Entry, Store

FEW = 48
"""So many new records are read in this process: others take a second to start."""
SPARE = 100
"""So many lines more than four times as many as files begin the kept lines anew."""
KINDS = ("task", "backbone", "method", "exits", "policy", "codec", "meter")
"""The kinds of plugins whose settings records are checked against."""


class Read(NamedTuple):
    """What became of one file.

    Attributes:
        digest: SHA-256 of its content.
        values: its extract as plain values; None where it cannot be read.
        faults: a sentence each; where it cannot be read, that is the one.
    """

    digest: str
    values: list[Any] | None
    faults: list[str]


def extracts(store: Store) -> tuple[list[Entry[Extract]], list[str]]:
    """All records of a store as extracts, in order of path, and a sentence for each that cannot be read."""
    folder = store.folder(Record)
    paths = {path: path.relative_to(folder).as_posix() for path in sorted(folder.glob("*/*/seed*.json"))}
    kept = Kept.of(store)
    digests = {path: _digest(path) for path in paths}
    new = [path for path, name in paths.items() if kept.get(name, digests[path]) is None]
    faulty: dict[Path, Read] = {}
    for path, one in zip(new, _read(new, store), strict=True):
        if one.faults or one.values is None:
            faulty[path] = one
        else:
            kept.add(paths[path], one.digest, one.values)
            digests[path] = one.digest
    kept.save(len(paths))
    found: list[Entry[Extract]] = []
    trouble: list[str] = []
    for path, name in paths.items():
        if (own := kept.get(name, digests[path])) is not None:
            found.append(Entry(own, store.contested(path, [])))
        elif (values := faulty[path].values) is not None:
            faults = faulty[path].faults
            own = Extract.from_values(values, kept.tables)
            found.append(Entry(own, store.contested(path, faults), sound=False))
        else:
            trouble += faulty[path].faults
    return found, trouble


def _digest(path: Path) -> str:
    """The SHA-256 of a file's content; empty where it cannot be read, which its reader says."""
    try:
        return hashlib.sha256(read_plain(path, MAX_BYTES + 1)).hexdigest()
    except OSError:
        return ""


def read(path: Path, store: Store) -> Read:
    """One record, read, checked, and made an extract of."""
    try:
        data = read_plain(path, MAX_BYTES + 1)
    except OSError:
        data = None
    digest = "" if data is None else hashlib.sha256(data).hexdigest()
    try:
        record = Record.read(path) if data is None else Record.from_bytes(data, path)
    except SeesawError as error:
        return Read(digest, None, [str(error)])
    faults = store.faults(record, path)
    return Read(digest, values_of(record, sound=not faults), faults)


def _read(paths: Sequence[Path], store: Store) -> Iterator[Read]:
    """Many records, in as many processes as there are cores."""
    one: Callable[[Path], Read] = partial(read, store=store)
    if len(paths) <= FEW or cores() == 1:
        yield from map(one, paths)
        return
    try:
        with processes_of(cores()) as pool:
            yield from pool.map(one, paths, chunksize=16)
    except BrokenProcessPool as error:
        raise SeesawError(
            f"A process that read records of {store.records} died. Free some memory, and write the boards again."
        ) from error


class Kept:
    """The extracts of sound records that are kept for one folder of records.

    Args:
        path: of the file of lines; None where there is no cache folder.
    """

    def __init__(self, path: Path | None) -> None:
        self.tables = Tables()
        self._path, self._found = path, dict[str, tuple[str, Extract]]()
        self._new: list[str] = []
        self._lines, self._is_whole, self._version = 0, False, version()
        if path is not None and path.is_file():
            self._load(path)

    @classmethod
    def of(cls, store: Store) -> Kept:
        """Those of a store's records."""
        try:
            folder = cache() / "boards"
        except SeesawError as error:
            log.warning("Nothing is kept of records, so each is read anew. %s", error)
            return cls(None)
        place = hashlib.sha256(str(store.records.resolve()).encode()).hexdigest()[:16]
        return cls(folder / f"{place}.jsonl")

    def get(self, name: str, digest: str) -> Extract | None:
        """The extract of a file with this content at this place below the folder."""
        found = self._found.get(name)
        return found[1] if found is not None and found[0] == digest else None

    def add(self, name: str, digest: str, values: list[Any]) -> None:
        """Keep an extract: the place of its file, the digest of that file's content, and its plain values."""
        short = self._shortened(values)
        self._new.append(_line([name, digest, short]))
        self._found[name] = digest, Extract.from_values(short, self.tables)

    def save(self, files: int) -> None:
        """Add what is new to the file; where most of its lines are of no use any more, begin it anew next time.

        Args:
            files: the number of files there are.
        """
        if self._path is None or not (self._new or not self._is_whole):
            return
        try:
            with alone(self._path.with_suffix(".lock")):
                if not self._is_whole:
                    lines = [self._version, *self._new, ""]
                    write_whole(self._path, "\n".join(lines).encode(), "SEESAW_CACHE")
                elif self._lines > 4 * files + SPARE:
                    self._path.unlink(missing_ok=True)
                elif _first_line(self._path) == self._version:  # else other code has begun it anew meanwhile
                    with self._path.open("a", encoding="utf-8") as file:
                        file.write("\n".join(["", *self._new, ""]))
        except (OSError, SeesawError) as error:
            log.warning("What was read of records is not kept for the next time. %s", error)

    def _load(self, path: Path) -> None:
        """Read the lines of a file, if this version of the code wrote it and each of them is whole."""
        if _first_line(path) != self._version:
            return
        try:
            with path.open(encoding="utf-8") as file:
                for line in filter(str.strip, islice(file, 1, None)):
                    self._lines += 1
                    name, digest, values = json.loads(line)
                    if isinstance(values, str):
                        self.tables.texts[name] = values
                    else:
                        self._found[name] = digest, Extract.from_values(values, self.tables)
        except (OSError, ValueError, LookupError, TypeError) as error:
            log.info("What was kept of records is not whole (%s), so each is read anew.", error)
            self.tables, self._found = Tables(), {}
        else:
            self._is_whole = True

    def _shortened(self, values: list[Any]) -> list[Any]:
        """Plain values with the keys of texts that other extracts have too."""
        text, *others, exits, cuts, curves, walks, d, p, g, m, o, s, c = values
        exits, cuts, walks = (
            [[*one[:-1], self._named(one[-1])] for one in some] for some in (exits, cuts, walks)
        )
        return [self._key(text), *others, exits, cuts, curves, walks, d, p, g, m, o, s, c]

    def _named(self, readings: Sequence[Any]) -> list[Any]:
        return [self._key(readings[0]), *readings[1:]]

    def _key(self, text: str) -> str:
        """The key of a text, which is written where it is new."""
        key = "#" + hashlib.sha256(text.encode()).hexdigest()[:16]
        if key not in self.tables.texts:
            self.tables.texts[key] = text
            self._new.append(_line([key, "", text]))
        return key


def _line(values: list[Any]) -> str:
    return json.dumps(values, separators=(",", ":"), allow_nan=False)


def _first_line(path: Path) -> str:
    """The version that a file of lines is of; empty where there is none."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().strip()
    except (OSError, ValueError):
        return ""


def version() -> str:
    """A digest of everything beside a file on which its faults and its extract depend: the code, and the plugins' settings."""
    home = Path(bench.__file__).parent
    sources = [*(home / "records").rglob("*.py"), *(home / "plugins").glob("*.py"), Path(extract.__file__)]
    found = hashlib.sha256()
    for path in sorted(sources):
        found.update(path.read_bytes())
    for kind in KINDS:
        for name in sorted(entries(kind)):
            above = bases(kind, name)
            found.update(repr((kind, card(kind, name), above and sorted(above))).encode())
    return found.hexdigest()
