"""Sealed: JSON files that strangers may send, with a checksum over their content, read within bounds.

Every kind of written file (a run's record, a stream's, ...) derives from `Sealed`; the code that finds,
checks, compares, repeats and shows such files uses nothing else of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bench.errors import SeesawError
from bench.files import read_plain, write_whole
from bench.records import form
from bench.records.bounded import bounded

if TYPE_CHECKING:
    from bench.records.compare import Compared
    from bench.records.store import Store

MAX_BYTES = 32 << 20
MAX_SEED = (1 << 53) - 1
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
DEEPEST = 32
"""The most lists and objects inside each other: what reads or writes values calls itself for each."""


def _shallow(values: dict[str, Any]) -> dict[str, Any]:
    """Values that are nested no deeper than `DEEPEST`.

    Raises:
        ValueError: they are nested deeper.
    """
    level: list[Any] = [values]
    for _ in range(DEEPEST):
        inner = [one.values() if isinstance(one, dict) else one for one in level]
        level = [one for group in inner for one in group if isinstance(one, (dict, list))]
        if not level:
            return values
    raise ValueError(f"its values are nested more than {DEEPEST} deep")


Values = Annotated[dict[str, Any], AfterValidator(_shallow)]
"""Values by name of which the schema says no more."""
Shape = Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=16)]
"""Sizes of a tensor, whose product is computed."""


class Block(BaseModel):
    """A part of a record: frozen, and without fields that the schema does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Sealed(Block):
    """The contract of a written file: a kind of file defines the class variables and the methods below.

    A new kind is a file with its class, one with its checks, one to show it, and its line in `FILE_KINDS`.
    """

    title: ClassVar[str]
    """the name of such a file in sentences"""
    remedy: ClassVar[str]
    """the advice for one that is broken, as sentences"""
    folder: ClassVar[str]
    """the name of the folder of such files, beside the other kinds' below `leaderboards/`"""
    marker: ClassVar[str]
    """a field that this kind alone has, by which the kind of a file is recognised"""
    maker: ClassVar[str]
    """the module that makes such files; its `again(file, store, data=, threads=, report=)` makes one anew"""
    shown_by: ClassVar[str]
    """the module that shows one: `shown(file, store)` yields the tables and sentences of the first screen, each with a
    style; `PARTS` names the functions that yield the rest, by the option of `seesaw show` that asks for each"""
    unrepeatable: ClassVar[str] = ""
    """a sentence on what making it again leaves as it is, where it does"""
    bulky: ClassVar[tuple[str, ...]] = ()
    """the fields that are packed where the file would be too long, the first one first (`bench.records.form`)"""

    schema_version: int
    checksum: str = ""
    """SHA-256 over everything else in the file, written last: a change by hand shows"""
    digest: Digest  # `request_digest()` of the file
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]

    def request_digest(self) -> str:
        """The digest of the settings that were requested, computed anew."""
        raise NotImplementedError(f"{type(self).__name__} must define request_digest()")

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
        """A sentence for each number that other numbers of the same file contradict."""
        raise NotImplementedError(f"{type(self).__name__} must define contradictions()")

    def disputes(self, store: Store) -> Iterator[str]:
        """A sentence for each number that other files of a store contradict."""
        yield from ()

    def settings(self) -> dict[str, Any]:
        """The content of a file beside its numbers, as JSON values."""
        raise NotImplementedError(f"{type(self).__name__} must define settings()")

    def numbers(self) -> dict[str, float]:
        """The numbers in which two files of this kind are compared, by name."""
        raise NotImplementedError(f"{type(self).__name__} must define numbers()")

    def compare(self, again: Any) -> list[Compared]:
        """Every number beside the one that making the file again gives, with the difference that is allowed."""
        raise NotImplementedError(f"{type(self).__name__} must define compare(again)")

    def conditions_that_differ(self, again: Any) -> dict[str, tuple[Any, Any]]:
        """What its numbers depend on beside its settings, where a file made again has others: by name, both values."""
        return {}

    def faults(
        self, path: Path | None = None, folder: Path | None = None, *, intact: bool | None = None
    ) -> list[str]:
        """The faults of a file by itself, a sentence each; none for a sound one.

        Args:
            path: where it lies; with `folder`, it is checked whether it belongs there.
            folder: of all files of its kind.
            intact: whether its seal holds, where `opened` has said so; None to look.
        """
        sentences: list[str] = []
        if path is not None and folder is not None:
            place = self.path(folder)
            if place != path and place.resolve() != path.resolve():
                sentences.append(f"It lies at {path}, and its settings belong to {place}.")
        if not (self.intact if intact is None else intact):
            sentences.append("Its checksum is not that of its content: it was changed after it was written.")
        if self.digest != self.request_digest():
            sentences.append(
                f"What it asks has the digest {self.request_digest()}, and it says {self.digest}."
            )
        try:
            for sentence in self.contradictions():
                sentences.append(sentence)
        except ValidationError as error:
            sentences.append(f"Its numbers cannot be computed with ({error.errors()[0]['msg']}).")
        except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
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
        return cls.from_bytes(data, path)

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> Self:
        """Read one file from its content, all of it or more than `MAX_BYTES`.

        Raises:
            SeesawError: no JSON, or not of this schema.
        """
        return cls._with_values(data, path)[0]

    @classmethod
    def opened(cls, data: bytes, path: Path) -> tuple[Self, bool]:
        """As `from_bytes`, and whether the seal holds: of the values as they were read, which takes less, or as they are written.

        Raises:
            SeesawError: no JSON, or not of this schema.
        """
        file, values = cls._with_values(data, path)
        return file, file.checksum == checksum(values) or file.intact

    @classmethod
    def _with_values(cls, data: bytes, path: Path) -> tuple[Self, dict[str, Any]]:
        """A file, and the JSON values that it was made of."""
        if len(data) > MAX_BYTES:
            raise SeesawError(
                f"{path} is larger than any {cls.title} ({MAX_BYTES >> 20} MiB). Remove the file."
            )
        try:
            values = form.read(bounded(data), bounded)
            return cls.model_validate(values), values
        except ValidationError as error:
            first = error.errors()[0]
            where, why = ".".join(str(part) for part in first["loc"]), first["msg"]
        except (ValueError, RecursionError) as error:
            where, why = "", str(error)
        raise SeesawError(
            f"{path} is no whole {cls.title}{f' at {where}' if where else ''} ({why}). {cls.remedy}"
        )

    def write(self, path: Path) -> Path:
        """Write the file in the form of `bench.records.form`, whole or not at all.

        Raises:
            SeesawError: the folder cannot be written.
        """
        text = form.written(self.sealed().model_dump(mode="json"), self.bulky)
        write_whole(path, text.encode(), "--records")
        return path

    def rewrite(self, path: Path) -> bool:
        """Write a file that was read from there in today's form; its values and its seal stay as they are.

        Returns:
            Whether its form was another.

        Raises:
            SeesawError: its seal is broken, or the folder cannot be written.
        """
        if not self.intact:
            raise SeesawError(
                f"The checksum of {path} is not that of its content: it was changed after it was written. {self.remedy}"
            )
        text = form.written(self.model_dump(mode="json"), self.bulky).encode()
        is_other = read_plain(path, MAX_BYTES + 1) != text
        if is_other:
            write_whole(path, text, "--records")
        return is_other

    def save(self, folder: Path) -> Path:
        """Write the file to its place below the folder of its kind, whole or not at all.

        Raises:
            SeesawError: the folder cannot be written.
        """
        return self.write(self.path(folder))

    def sealed(self) -> Self:
        """The same file with the checksum of its content."""
        return self.model_copy(update={"checksum": checksum(self.model_dump(mode="json"))})

    @property
    def intact(self) -> bool:
        """Whether the checksum is that of the content."""
        return self.checksum == checksum(self.model_dump(mode="json"))


def checksum(values: dict[str, Any]) -> str:
    """SHA-256 over JSON values, without the checksum itself and without those that are left open."""
    return _sha256(without_open({key: value for key, value in values.items() if key != "checksum"}))


def digest(values: dict[str, Any]) -> str:
    """Twelve hexadecimal digits of the SHA-256 over JSON values, without those that are left open."""
    return _sha256(without_open(values))[:12]


def _sha256(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), check_circular=False)
    return hashlib.sha256(text.encode()).hexdigest()


_CONTAINERS = frozenset({dict, list})


def without_open(value: Any) -> Any:
    """JSON values without those that are left open: none, false and empty ones."""
    if type(value) is dict:
        kept = {}
        for key, one in value.items():
            if type(one) in _CONTAINERS:
                if inner := without_open(one):
                    kept[key] = inner
            elif one or (one is not None and not is_open(one)):
                kept[key] = one
        return kept
    if isinstance(value, list) and not _CONTAINERS.isdisjoint(map(type, value)):
        return [without_open(inner) if type(inner) in _CONTAINERS else inner for inner in value]
    return value


def is_open(value: Any) -> bool:
    """Whether a value is left open: none, false or empty."""
    return value is None or value is False or value in ("", [], {})


def slug(name: str) -> str:
    """A name as a part of a path; a draft's is its class behind `draft-`, as no announced plugin's is."""
    place, _, last = name.rpartition(":")
    plain = re.sub(r"[^a-z0-9-]+", "-", last.lower()[:80]).strip("-")
    return ("draft-" if place else "") + (plain or "unnamed")
