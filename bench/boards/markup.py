"""Markup: what pages of every kind of file share, in Markdown and in HTML."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.boards.cells import filled
from bench.plain import plain, plain_values
from bench.records.sealed import Sealed


@dataclass(frozen=True)
class Chapter:
    """The part of index.html that shows the files of one kind.

    Attributes:
        folder: of the files, below `leaderboards/`.
        source: the path of its template, without its ending `.html.j2`.
        scripts: the names of its scripts, which lie beside the template, in order.
        values: what the template is given.
        data: what the scripts find in `page` at once, by names that no other chapter uses.
        blocks: what they ask for when it is to be shown, each in a file of its own, by names of letters, digits and hyphens.
    """

    folder: str
    source: Path
    scripts: tuple[str, ...]
    values: dict[str, Any]
    data: dict[str, Any]
    blocks: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JsonTexts:
    """A list whose members are JSON texts already."""

    members: list[str]


def json_text(values: Any) -> str:
    """JSON values, and lists of JSON texts, as one text in which strangers' words are plain."""
    if isinstance(values, JsonTexts):
        return f"[{','.join(values.members)}]"
    return json.dumps(plain_values(values), separators=(",", ":"), allow_nan=False)


def text(words: str) -> str:
    """Words of a record, escaped for Markdown: they make no HTML element, no table cell, no new line, no control character."""
    plain_words = html.escape(plain(" ".join(words.split())), quote=False)
    return "".join(f"\\{letter}" if letter in "\\`*_[]|#!~" else letter for letter in plain_words)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table, without the columns whose cells are all empty."""
    heads, cells = filled(heads, rows)
    lines = (" | ".join(row) for row in cells)
    return [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *(f"| {line} |" for line in lines)]


CONTESTED = (
    "Their numbers count nowhere. `seesaw verify` names the files of a folder that are at fault, and all faults of one file. Run each "
    "again with --again, or remove it."
)


def contested_files(files: Sequence[tuple[str, str]]) -> list[str]:
    """The lines that name the files that count nowhere, each with the reason; none without files."""
    if not files:
        return []
    reasons = (f"* {text(name)}: {text(reason)}" for name, reason in files)
    return ["", "## Contested", "", CONTESTED, "", *reasons]


def computed(kind: type[Sealed]) -> str:
    """The line that marks a page as written by `make board` from files of a kind."""
    return f"Computed from `{kind.folder}/` by `make board`."
