"""Sealed: JSON files that strangers may send, with a checksum over their content, read within bounds.

Every kind of written file (a run's record, a stream's, ...) derives from `Sealed`, which is all that finding, checking,
comparing, repeating and showing such files know of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import SeesawError
from bench.files import read_plain, write_whole

if TYPE_CHECKING:
    from bench.records.compare import Compared
    from bench.records.store import Store

MAX_BYTES = 32 << 20
LARGEST, DIGITS = {int: 1 << 60, float: 1e30}, 40
"""The largest number in such a file, and the most characters that it is written in."""
MAX_SEED = (1 << 53) - 1
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]

_NUMBERS = re.compile(r"\[\n([-+\d.eE,\snul]+?)\n *\]")
"""A list of numbers as `json` writes it, a line each; no JSON string has a line's end in it."""


class Block(BaseModel):
    """A part of a record: frozen, and without fields that the schema does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Sealed(Block):
    """The contract of a written file: a kind of file defines the class variables and the verbs below.

    A new kind is one file of blocks (the class), one of checks, one that shows it, and its line in `store.FILE_KINDS`.
    """

    title: ClassVar[str]
    """what such a file is called"""
    remedy: ClassVar[str]
    """what to do about one that is broken"""
    folder: ClassVar[str]
    """of such files, beside the others' folders below `leaderboards/`"""
    marker: ClassVar[str]
    """a key that this kind alone has, by which a file is known"""
    maker: ClassVar[str]
    """the module that makes such files; its `again(file, store, data=, threads=, report=)` makes one anew"""
    shown_by: ClassVar[str]
    """the module whose `shown(file, path, store)` gives what the terminal shows of one"""

    schema_version: int
    checksum: str = ""
    """SHA-256 over everything else in the file, written last: a change by hand shows"""
    digest: Digest  # of what was asked for (`asked`)
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]

    def asked(self) -> str:
        """The digest of what was asked for, computed anew."""
        raise NotImplementedError(f"{type(self).__name__} must define asked()")

    def path(self, folder: Path) -> Path:
        """Where the file belongs below the folder of its kind."""
        raise NotImplementedError(f"{type(self).__name__} must define path(folder)")

    @property
    def board(self) -> str:
        """The board that it stands on."""
        raise NotImplementedError(f"{type(self).__name__} must define board")

    @property
    def name(self) -> str:
        """The network and its seed, in words."""
        raise NotImplementedError(f"{type(self).__name__} must define name")

    def contradictions(self) -> Iterator[str]:
        """A sentence for each number of its own that others of its own contradict."""
        raise NotImplementedError(f"{type(self).__name__} must define contradictions()")

    def disputes(self, store: Store) -> Iterator[str]:
        """A sentence for each number that other files of a store contradict."""
        yield from ()

    def settings(self) -> dict[str, Any]:
        """What a file holds beside its numbers, as JSON values."""
        raise NotImplementedError(f"{type(self).__name__} must define settings()")

    def numbers(self) -> dict[str, float]:
        """The numbers that tell two files of this kind apart, by name."""
        raise NotImplementedError(f"{type(self).__name__} must define numbers()")

    def compare(self, again: Any) -> list[Compared]:
        """Every number beside the one that making the file again gives, with the difference that is allowed."""
        raise NotImplementedError(f"{type(self).__name__} must define compare(again)")

    def faults(self, path: Path | None = None, folder: Path | None = None) -> list[str]:
        """What is wrong with a file by itself, a sentence each; nothing for a sound one.

        Args:
            path: where it lies; with `folder`, whether it lies where it belongs.
            folder: of all files of its kind.
        """
        sentences: list[str] = []
        if path is not None and folder is not None and self.path(folder).resolve() != path.resolve():
            sentences.append(f"It lies at {path}, and its settings belong to {self.path(folder)}.")
        if not self.intact:
            sentences.append("Its checksum is not that of its content: it was changed after it was written.")
        if self.digest != self.asked():
            sentences.append(f"What it asks has the digest {self.asked()}, and it says {self.digest}.")
        try:
            for sentence in self.contradictions():
                sentences.append(sentence)
        except (ArithmeticError, LookupError, ValueError, TypeError) as error:
            sentences.append(f"Its numbers cannot be computed with ({error}).")
        return sentences

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read one file.

        Raises:
            SeesawError: no file, no JSON, or not of this schema.
        """
        try:
            data = read_plain(path, MAX_BYTES + 1)
        except OSError as error:
            raise SeesawError(
                f"{path} cannot be read ({error.strerror}). Give the path of a {cls.title}."
            ) from error
        if len(data) > MAX_BYTES:
            raise SeesawError(
                f"{path} is larger than any {cls.title} ({MAX_BYTES >> 20} MiB). Remove the file."
            )
        try:
            values = json.loads(
                data, parse_int=_bounded(int), parse_float=_bounded(float), parse_constant=_bounded(float)
            )
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where, why = ".".join(str(part) for part in first["loc"]), first["msg"]
        except (ValueError, RecursionError) as error:
            where, why = "", str(error)
        raise SeesawError(
            f"{path} is no whole {cls.title}{f' at {where}' if where else ''} ({why}). {cls.remedy}"
        )

    def write(self, path: Path) -> Path:
        """Write the file, whole or not at all; a list of numbers takes one line.

        Raises:
            SeesawError: the folder cannot be written.
        """
        text = json.dumps(self.sealed().model_dump(mode="json"), indent=1, allow_nan=False)
        text = _NUMBERS.sub(lambda numbers: f"[{' '.join(numbers[1].split())}]", text)
        write_whole(path, (text + "\n").encode(), "--records")
        return path

    def sealed(self) -> Self:
        """The same file with the checksum of its content."""
        return self.model_copy(update={"checksum": checksum(self.model_dump(mode="json"))})

    @property
    def intact(self) -> bool:
        """Whether the checksum is that of the content."""
        return self.checksum == checksum(json.loads(self.model_dump_json()))


def checksum(values: dict[str, Any]) -> str:
    """SHA-256 over JSON values, without the checksum itself and without what is left open (`stated`)."""
    return _sha256(stated({key: value for key, value in values.items() if key != "checksum"}))


def digest(values: dict[str, Any]) -> str:
    """Twelve hexadecimal digits of the SHA-256 over JSON values; what is left open does not count."""
    return _sha256(stated(values))[:12]


def _sha256(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def stated(value: Any) -> Any:
    """JSON values without those that are left open: none, false and empty ones."""
    if isinstance(value, dict):
        kept = {key: stated(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if not _is_open(inner)}
    return [stated(inner) for inner in value] if isinstance(value, list) else value


def _is_open(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def slug(name: str) -> str:
    """A name as a part of a path: of a draft, its class, so marked that it is no announced plugin's."""
    place, _, last = name.rpartition(":")
    plain = re.sub(r"[^a-z0-9-]+", "-", last.lower()[:80]).strip("-")
    return ("draft-" if place else "") + (plain or "unnamed")


def _bounded(kind: type[int] | type[float]) -> Callable[[str], float]:
    """A reader of numbers within the bounds that arithmetic on boards can bear."""

    def read(text: str) -> float:
        if len(text) > DIGITS or not abs(number := kind(text)) <= LARGEST[kind]:
            raise ValueError(f"{text[:20]} is no number that a record can hold")
        return number

    return read
