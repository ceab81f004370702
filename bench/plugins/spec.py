"""Specs: the one spelling of a plugin and its settings.

A spec is `name` or `name[key=value,key=value]`; items of a list are joined by `:`, and a value may itself be
a spec. A model is a product, `backbone_method`: `resnet[depth=32]_sparse[density=0.25]`.
A draft is a class that no distribution announces: `package.module:Class` or `path/to/file.py:Class`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.errors import SeesawError

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DRAFT = re.compile(r"[\w./\\~-]+:[A-Za-z][A-Za-z0-9]*")


@dataclass(frozen=True)
class Spec:
    """A plugin's name (or a draft's place) and the settings written behind it, still as words."""

    name: str
    settings: Mapping[str, str]


def names_draft(text: str) -> bool:
    """Whether a spec, or one inside it, is a draft: it names a file or a module whose code would be run."""
    spec = parse(text)
    return _DRAFT.fullmatch(spec.name) is not None or any(map(_value_names_draft, spec.settings.values()))


def _value_names_draft(value: str) -> bool:
    try:
        return names_draft(value)
    except SeesawError:  # a value that is no spec, such as a folder
        return False


def near(word: str, choices: Iterable[str]) -> str:
    """The end of a sentence about a wrong word: `; did you mean 'resnet'?`, or a full stop."""
    close = difflib.get_close_matches(word, list(choices), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(c) for c in close)}?" if close else "."


def split(text: str, at: str) -> list[str]:
    """Split at a character wherever it stands outside brackets."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if depth < 0:
            break
        if letter == at and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    if depth != 0:
        raise SeesawError(f"The brackets of {text!r} do not match. Write name[key=value,key=value].")
    return [*parts, text[start:]]


def parse(text: str) -> Spec:
    """Read `name[key=value,...]`.

    Raises:
        SeesawError: the text is no spec.
    """
    name, bracket, rest = text.strip().partition("[")
    if not (_NAME.fullmatch(name) or _DRAFT.fullmatch(name)):
        raise SeesawError(
            f"{text!r} is no spec. Write name[key=value,key=value] with a name from `seesaw list`, "
            "or package.module:Class, or path/to/file.py:Class."
        )
    if not bracket:
        return Spec(name, {})
    if not rest.endswith("]"):
        raise SeesawError(f"{text!r} ends without its bracket. Write {name}[key=value,key=value].")
    settings: dict[str, str] = {}
    for item in split(rest[:-1], ","):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not (equals and key):
            raise SeesawError(f"{item!r} in {text!r} is no setting. Write key=value.")
        if key in settings:
            raise SeesawError(f"{text!r} sets {key!r} twice. Keep one of the two.")
        settings[key] = value
    return Spec(name, settings)


def split_model(text: str, backbones: Collection[str]) -> tuple[str, str | None]:
    """The backbone's and the method's part of `backbone_method`; the method is None where it is left out.

    A name never holds `_`, a draft's path may: so the first part counts as the backbone when one of
    `backbones` is called so, else when the text does not begin with a draft.
    """
    text = text.strip()
    parts = split(text, "_")
    head = parts[0]
    draft = None if head.partition("[")[0] in backbones else _DRAFT.match(text)
    if draft is not None:
        head = split(text[draft.end() :], "_")[0]
        head = text[: draft.end()] + head
    method = text[len(head) + 1 :]
    if text[len(head) :] and not method:
        raise SeesawError(f"{text!r} ends in '_'. Write backbone_method, for example {head}_dense.")
    return head, method or None


def render(value: Any) -> str:
    """A setting's value as a spec writes it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return ":".join(render(item) for item in value)
    return str(value)
