"""Rows of a file as fields by column: jsonl, tsv, csv, or a folder of texts; a row that does not fit says so."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import SeesawError, hold_plain

MOST = 1 << 24
"""Characters that one field may have."""


@dataclass(frozen=True)
class Row:
    """One row of a file.

    Attributes:
        place: where it stands, such as `line 7`.
        fields: by column.
        misfit: how its fields differ from the columns in number, as a sentence and one of what to do; else "".
    """

    place: str
    fields: dict[str, Any]
    misfit: str = ""


def rows_of(path: Path, columns: Sequence[str], classes: Iterable[str]) -> Iterator[Row]:
    """Every row of a file, or of a folder with a folder of .txt files for every class.

    Args:
        path: a folder, or a file: .jsonl, .csv, or else with tabs between columns.
        columns: of a table without a header.
        classes: names of the folders.

    Raises:
        SeesawError: a line that is none of such a file; the message names it.
        OSError: it cannot be opened.
        UnicodeDecodeError: it is no UTF-8.
    """
    if path.is_dir():
        yield from _texts(path, classes)
        return
    hold_plain(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _objects(path, file) if path.suffix.lower() == ".jsonl" else _table(path, file, columns)


def _texts(path: Path, classes: Iterable[str]) -> Iterator[Row]:
    for word, folder in _folders(path, classes):
        for file in sorted(folder.iterdir()):
            if not _is_text(file):
                continue
            hold_plain(file)
            try:
                text = file.read_text(encoding="utf-8-sig")
            except UnicodeDecodeError as error:
                raise SeesawError(f"{file} cannot be read as text ({error}). Save it as UTF-8.") from error
            yield Row(f"{folder.name}/{file.name}", {"label": word, "text": text})


def _folders(path: Path, classes: Iterable[str]) -> list[tuple[str, Path]]:
    """Each class's folders, whether their names are in capitals or not."""
    tops = sorted(one for one in path.iterdir() if one.is_dir())
    return [(word, top) for word in classes for top in tops if top.name.lower() == word.lower()]


def _is_text(path: Path) -> bool:
    return path.suffix.lower() == ".txt" and not path.name.startswith(".") and not path.is_dir()


def left_out(path: Path, classes: Iterable[str]) -> str:
    """A sentence about what lies in a folder of texts and is no text of a class; "" where there is nothing.

    What the official IMDb has beside its texts, and names that begin with a dot, are passed over.
    """
    taken = [folder for _, folder in _folders(path, classes)]
    others = [one for one in path.iterdir() if one not in taken and (one.is_dir() or _is_text(one))]
    others = [one for one in others if one.name != "unsup" and not one.name.startswith("urls_")]
    others += [one for folder in taken for one in folder.iterdir() if not _is_text(one)]
    names = sorted(one.relative_to(path).as_posix() for one in others if not one.name.startswith("."))
    if not names:
        return ""
    shown = f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
    return (
        f"{path}: what is no text of a class is left out, {len(names):,} in all ({shown}). A text is a .txt file in the folder of "
        "its class."
    )


def _objects(path: Path, file: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line, object_pairs_hook=_once)
            if not isinstance(fields, dict):
                raise ValueError("it is no JSON object")
        except (ValueError, RecursionError) as error:
            deep = isinstance(error, RecursionError)
            reason = "it is nested too deeply" if deep else getattr(error, "msg", error)
            raise SeesawError(
                f"{path}, line {number} cannot be read as text ({reason}). Write one whole JSON object in every line."
            ) from error
        yield Row(f"line {number}", fields)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of a JSON object, in which each name stands once."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError(f"it has {_twice(name for name, _ in pairs)!r} twice")
    return fields


def _table(path: Path, file: Iterable[str], columns: Sequence[str]) -> Iterator[Row]:
    commas = path.suffix.lower() == ".csv"
    csv.field_size_limit(MOST)
    if commas:
        reader = csv.reader(file, strict=True)
    else:  # a tab parts columns whatever stands between quotation marks
        reader = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    line = 1
    heads = columns
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise SeesawError(f"{path}, line {line} cannot be read as text: {_reason(error)}.") from error
        if values is None:
            return
        if values and not heads:
            heads = values
            if name := _twice(head for head in heads if head.strip()):
                raise SeesawError(f"{path} has two columns {name!r}. Give each column a name of its own.")
        elif values:
            misfit = "" if len(values) == len(heads) else _misfit(len(values), heads, commas=commas)
            yield Row(f"line {line}", dict(zip(heads, values, strict=False)), misfit)
        line = reader.line_num + 1


def _reason(error: csv.Error) -> str:
    """What is wrong with a quoted or an endless field, and what to do."""
    if "field larger" in str(error):
        return (
            f"a field has more than {MOST:,} characters, as where a quotation mark is never closed. "
            "Close it, or shorten the text"
        )
    return (
        f"its quotation marks are not in pairs ({error}). "
        "Put a text with quotation marks between two of them, and double those in it"
    )


def _misfit(count: int, heads: Sequence[str], *, commas: bool) -> str:
    mark, mend = (
        ("comma", "Put a text with commas or line breaks between quotation marks")
        if commas
        else ("tab", "Write a space for every tab and line break in a text")
    )
    more = count > len(heads)
    cause = f"a {mark} in a text parts it" if more else "a line break cuts it, or fields are missing"
    return f"has {'more' if more else 'fewer'} fields ({count}) than there are columns ({', '.join(heads)}): {cause}. {mend}."


def _twice(names: Iterable[str]) -> str | None:
    """The first name that stands twice."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
