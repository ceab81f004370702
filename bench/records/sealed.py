"""Sealed: JSON files that strangers may send, with a checksum of what they say, read within bounds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import SeesawError
from bench.files import read_plain, write_whole

MAX_BYTES = 32 << 20
LARGEST, DIGITS = {int: 1 << 60, float: 1e30}, 40
"""What a number in such a file may be, and how long."""
MAX_SEED = (1 << 53) - 1

_NUMBERS = re.compile(r"\[\n([-+\d.eE,\snul]+?)\n *\]")
"""A list of numbers as `json` writes it, a line each; no JSON string has a line's end in it."""


class Block(BaseModel):
    """A part of a record: frozen, and nothing in it that the schema does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Sealed(Block):
    """A whole file."""

    title: ClassVar[str]
    """what such a file is called"""
    remedy: ClassVar[str]
    """what to do about one that is broken"""

    schema_version: int
    checksum: str = ""
    """SHA-256 over everything else in the file, written last: what was changed by hand shows"""

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
            told = json.loads(
                data, parse_int=_bounded(int), parse_float=_bounded(float), parse_constant=_bounded(float)
            )
            return cls.model_validate(told)
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
        told = json.dumps(self.sealed().model_dump(mode="json"), indent=1, allow_nan=False)
        told = _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", told)
        write_whole(path, (told + "\n").encode(), "--records")
        return path

    def sealed(self) -> Self:
        """The same with the checksum of what it says."""
        return self.model_copy(update={"checksum": checksum(self.model_dump(mode="json"))})

    @property
    def intact(self) -> bool:
        """Whether the checksum is that of what it says."""
        return self.checksum == checksum(json.loads(self.model_dump_json()))


def checksum(told: dict[str, Any]) -> str:
    """SHA-256 over JSON values, without the checksum itself and without what is left open (`said`)."""
    return _sha256(said({key: value for key, value in told.items() if key != "checksum"}))


def digest(told: dict[str, Any]) -> str:
    """Twelve hexadecimal digits of the SHA-256 over JSON values; what is left open does not count."""
    return _sha256(said(told))[:12]


def _sha256(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def said(value: Any) -> Any:
    """JSON values without those that are left open: none, false and empty ones."""
    if isinstance(value, dict):
        kept = {key: said(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if not _is_open(inner)}
    return [said(inner) for inner in value] if isinstance(value, list) else value


def _is_open(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def slug(name: str) -> str:
    """A name as a part of a path: of a draft, its class, so marked that it is no announced plugin's."""
    place, _, last = name.rpartition(":")
    plain = re.sub(r"[^a-z0-9-]+", "-", last.lower()[:80]).strip("-")
    return ("draft-" if place else "") + (plain or "unnamed")


def _bounded(kind: type[int] | type[float]) -> Callable[[str], float]:
    """Reads a number, which arithmetic on boards must not be thrown off by."""

    def read(text: str) -> float:
        if len(text) > DIGITS or not abs(number := kind(text)) <= LARGEST[kind]:
            raise ValueError(f"{text[:20]} is no number that a record can hold")
        return number

    return read
