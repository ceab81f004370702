"""Extracts: those of all records of a store; what was read and found sound once is kept, and neither read nor checked again.

They are kept in the cache folder, in lines of JSON that are only added to. A line holds for one content of one file at one
place, and a file of lines for one state of the code that reads and checks records, that of the plugins' settings among it: the
faults of a record depend on all of these and on nothing else (other kinds of files may be disputed by files beside them; they
are not kept). Records with a fault are looked at again each time, and so are the notes beside files.
"""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bench.boards.extract import Extract, Tables, values_of
from bench.boards.lines import Lines, digest_of, place_of
from bench.errors import SeesawError
from bench.files import read_plain
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


def collect_rarely() -> None:
    """Look for unused circles of objects less often: what is read has none, and each look goes over all that was read before."""
    gc.set_threshold(200_000, 50, 100)


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


def extracts(
    store: Store, whole: Callable[[list[Entry[Extract]]], None] | None = None
) -> tuple[list[Entry[Extract]], list[str]]:
    """All records of a store as extracts, in order of path, and a sentence for each that cannot be read.

    Args:
        store: of the records.
        whole: called with the extracts of a task's folder when the last of them is read, and many of others are not yet.
    """
    folder = store.folder(Record)
    paths = {path: path.relative_to(folder).as_posix() for path in sorted(folder.glob("*/*/seed*.json"))}
    kept = Kept(store)
    digests = {path: _digest(path) if name in kept else "" for path, name in paths.items()}
    new = [path for path, name in paths.items() if kept.get(name, digests[path]) is None]
    faulty: dict[Path, Read] = {}

    def entry(path: Path) -> Entry[Extract] | None:
        """A record that was read; None where it could not be."""
        if (own := kept.get(paths[path], digests[path])) is not None:
            return Entry(own, store.contested(path, []))
        values, faults = faulty[path].values, faulty[path].faults
        if values is None:
            return None
        own = Extract.from_values(values, kept.tables, faulty[path].digest)
        return Entry(own, store.contested(path, faults), sound=False)

    for number, (path, one) in enumerate(zip(new, _read(new, store), strict=True), 1):
        if one.faults or one.values is None:
            faulty[path] = one
        else:
            kept.add(paths[path], one.digest, one.values)
            digests[path] = one.digest
        if whole is not None and number + FEW < len(new) and _task(new[number]) != (task := _task(path)):
            whole([own for other in paths if _task(other) == task and (own := entry(other)) is not None])
    kept.save(len(paths))
    entries = {path: entry(path) for path in paths}
    trouble = [fault for path, own in entries.items() if own is None for fault in faulty[path].faults]
    return [own for own in entries.values() if own is not None], trouble


def _task(path: Path) -> str:
    """The folder of its task, in which a record lies."""
    return path.parts[-3]


def _digest(path: Path) -> str:
    """The SHA-256 of a file's content; empty where it cannot be read, which its reader says."""
    try:
        return hashlib.sha256(read_plain(path, MAX_BYTES + 1)).hexdigest()
    except OSError:
        return ""


def read(path: Path, store: Store) -> Read:
    """One record, read, checked, and made an extract of."""
    digest = ""
    try:
        data = read_plain(path, MAX_BYTES + 1)
        digest = hashlib.sha256(data).hexdigest()
        record, intact = Record.opened(data, path)
    except OSError as error:
        return Read(
            digest, None, [f"{path} cannot be read ({error.strerror}). Remove it, or make it readable."]
        )
    except SeesawError as error:
        return Read(digest, None, [str(error)])
    faults = store.faults_alone(record, path, intact=intact)
    return Read(digest, values_of(record, sound=not faults), faults)


def _read(paths: Sequence[Path], store: Store) -> Iterator[Read]:
    """Many records, in as many processes as there are cores."""
    one: Callable[[Path], Read] = partial(read, store=store)
    if len(paths) <= FEW or cores() == 1:
        yield from map(one, paths)
        return
    try:
        with processes_of(cores(), collect_rarely) as pool:
            yield from pool.map(one, paths, chunksize=16)
    except BrokenProcessPool as error:
        raise SeesawError(
            f"A process that read records of {store.records} died. Free some memory, and write the boards again."
        ) from error


class Kept:
    """The extracts of sound records that are kept for one folder of records.

    Args:
        store: of the records.
    """

    def __init__(self, store: Store) -> None:
        self.tables, self._found = Tables(), dict[str, tuple[str, Extract]]()
        self._lines = Lines(f"{place_of(store.records)}.jsonl", version())
        self._new: list[str] = []
        self._count, self._is_whole = 0, True
        self._load()

    def __contains__(self, name: object) -> bool:
        """Whether there is an extract of a file at this place, whatever its content was."""
        return name in self._found

    def get(self, name: str, digest: str) -> Extract | None:
        """The extract of a file with this content at this place below the folder."""
        found = self._found.get(name)
        return found[1] if found is not None and found[0] == digest else None

    def add(self, name: str, digest: str, values: list[Any]) -> None:
        """Keep an extract: the place of its file, the digest of that file's content, and its plain values."""
        short = self._shortened(values)
        self._new.append(_line([name, digest, short]))
        self._found[name] = digest, Extract.from_values(short, self.tables, digest)

    def save(self, files: int) -> None:
        """Add what is new to the file; where most of its lines are of no use any more, begin it anew.

        Args:
            files: the number of files there are.
        """
        if not self._is_whole:
            self._lines.begin(self._new)
        elif self._new and self._count > 4 * files + SPARE:
            self._lines.begin([])  # the next time all is read anew
        elif self._new:
            self._lines.add(self._new)

    def _load(self) -> None:
        """Read the lines, if each of them is whole."""
        try:
            for line in self._lines.read():
                self._count += 1
                name, digest, values = json.loads(line)
                if isinstance(values, str):
                    self.tables.texts[name] = values
                else:
                    self._found[name] = digest, Extract.from_values(values, self.tables, digest)
        except (OSError, ValueError, LookupError, TypeError) as error:
            log.info("What was kept of records is not whole (%s), so each is read anew.", error)
            self.tables, self._found, self._is_whole = Tables(), {}, False

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


def version() -> str:
    """A digest of everything beside a file on which its faults and its extract depend: the code, and the plugins' settings."""
    found = hashlib.sha256(
        digest_of(
            ("records/**/*.py", "plugins/*.py", "boards/extract.py", "boards/curves.py", "boards/readings.py")
        ).encode()
    )
    for kind in KINDS:
        for name in sorted(entries(kind)):
            above = bases(kind, name)
            found.update(repr((kind, card(kind, name), above and sorted(above))).encode())
    return found.hexdigest()
