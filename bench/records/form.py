"""Form: JSON values as they lie in a file, short and in lines, and the same values again, to the last digit.

What takes most of a file's bytes is written once, or packed:

* a **shape**, the names of a block's fields, such as a reading's: blocks of it are rows, `["#0", 0.91, "@2", ...]`;
* a **word** that comes more than once, such as a unit or a source: `"@2"` is number 2 in the list of words, from 0;
* a **long list** (`bench.records.columns`), such as a policy's operating points: `"$3"`, kept by column, whole numbers and
  the bits of 32-bit numbers (thresholds are such) as differences;
  of rows of one sum, such as samples by the exit where they left, the last column is left out;
* a **part** that would make the file longer than `TARGET`: `"%"`, in the order of `Sealed.bulky`.

Long lists and parts are one text (`bench.records.packing`). Everything else is JSON as it
was. Values are the same after reading as before writing, so a checksum over them holds in any form.
"""

from __future__ import annotations

import json
import lzma
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.records.columns import MAX_VALUES, by_column, by_row, is_long
from bench.records.packing import packed, unpacked

FORM = 1
"""The number of this form; files without one are plain JSON, as all were before."""
TARGET = 15_000
"""Bytes that a file should not be longer than: parts are packed until it is not, or all are."""
OFTEN = 3
"""Blocks of one shape in a file, from which on they are rows."""
MARKS = "@#$%="
"""First characters that stand for something; a text that begins with one of them gets `=` in front."""
WIDTH = 120
"""A value that fits a line of so many characters is written in one."""
_OWN = ("form", "shapes", "words", "packed")
_AS_THEY_ARE = frozenset({int, float, bool, type(None)})
"""Types of values that every form writes as they are; most of a file's are such."""


def written(values: dict[str, Any], bulky: Sequence[str] = ()) -> str:
    """The text of a file with these JSON values.

    Args:
        values: by name.
        bulky: names of the parts that may be packed, the first one first.

    Raises:
        ValueError: a value is called as a part of the form is.
    """
    if taken := set(_OWN) & values.keys():
        raise ValueError(
            f"{', '.join(sorted(taken))}: the form has parts of that name; call the field otherwise"
        )
    shapes, words = Counter(_shapes(values)), Counter(_texts(values))
    names = [shape for shape, count in shapes.items() if count >= OFTEN]
    common = [word for word, count in words.items() if count > 1 and len(word) * (count - 1) > 8 + 4 * count]
    writer = _Writer({one: n for n, one in enumerate(names)}, {one: n for n, one in enumerate(common)})
    content = {key: writer.value(one) for key, one in values.items()}
    content |= {"shapes": [list(shape) for shape in names], "words": common}
    parts: dict[str, Any] = {}
    text = _text(content, parts, writer.columns)
    for key in (*bulky, "words", "shapes"):
        if len(text) <= TARGET:
            break
        if key in content:
            parts[key], content[key] = content[key], "%"
            text = _text(content, parts, writer.columns)
    return text


def read(content: Any, parse: Callable[[bytes], Any] = json.loads) -> Any:
    """JSON values as they were before they were written; those of files without a form as they are.

    Args:
        content: the JSON values of a file.
        parse: reads the JSON text in it.

    Raises:
        ValueError: a form that is not known, or a reference to what is not there.
    """
    if not isinstance(content, dict) or "form" not in content:
        return content
    if content["form"] != FORM:
        raise ValueError(
            f"form {content['form']!r} is none that this version of Seesaw reads: install a newer one"
        )
    try:
        columns, parts = parse(unpacked(content["packed"])) if content["packed"] else ([], {})
        whole = {key: parts[key] if one == "%" else one for key, one in content.items()}
        reader = _Reader(whole["shapes"], whole["words"], columns)
        return {key: reader.value(one) for key, one in whole.items() if key not in _OWN}
    except (KeyError, IndexError, TypeError, AttributeError, struct.error, lzma.LZMAError) as error:
        raise ValueError(f"it does not hold what its form {FORM} refers to: {error}") from error


class Peek:
    """Single values of a file, without reading the others: what is packed is unpacked where a value of it is asked for.

    Raises:
        LookupError: a value, or what it refers to, is not there.
        ValueError: a form that is not known.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        if content.get("form", FORM) != FORM:
            raise ValueError(
                f"form {content['form']!r} is none that this version of Seesaw reads: install a newer one"
            )
        self._content, self._parts = content, None
        self._reader = _Reader(self.part("shapes"), self.part("words"), []) if "form" in content else None

    def part(self, key: str) -> Any:
        """A part of the file as its form has it."""
        one = self._content[key]
        if one != "%" or "form" not in self._content:
            return one
        if self._parts is None:
            self._parts = json.loads(unpacked(self._content["packed"]))[1]
        return self._parts[key]

    def items(self, key: str) -> list[Any]:
        """The members of a part that is a list."""
        return self.part(key)

    def blocks(self, one: Any) -> dict[str, Any]:
        """A block's fields, each as its form has it."""
        if isinstance(one, dict) or self._reader is None:
            return one
        shape = self._reader.shapes[one[0]]
        return dict(zip(shape, one[1:], strict=False))

    def get(self, one: Any, key: str) -> Any:
        """One field of a block; None where it is left open."""
        found = self.blocks(one).get(key)
        return found if self._reader is None or not isinstance(found, str) else self._reader.text(found)


def _text(content: dict[str, Any], parts: dict[str, Any], columns: list[Any]) -> str:
    rest = packed([columns, parts]) if columns or parts else ""
    head = {"form": FORM, **content, "packed": rest}
    return "{" + ",\n".join(f"{json.dumps(key)}:{_laid_out(one)}" for key, one in head.items()) + "}\n"


class _Writer:
    """JSON values on their way into a form, and the columns found so far."""

    def __init__(self, shapes: dict[tuple[str, ...], int], words: dict[str, int]) -> None:
        self.shapes, self.words = shapes, words
        self.columns: list[Any] = []

    def value(self, one: Any) -> Any:
        if isinstance(one, str):
            return self.text(one)
        if isinstance(one, list):
            if is_long(one):
                self.columns.append(by_column(one))
                return f"${len(self.columns) - 1}"
            return [self.value(inner) for inner in one]
        if not isinstance(one, dict):
            return one
        number = self.shapes.get(tuple(one))
        if number is None:
            return {key: self.value(inner) for key, inner in one.items()}
        row = [self.value(inner) for inner in one.values()]
        while row and row[-1] is None:
            row.pop()
        return [f"#{number}", *row]

    def text(self, one: str) -> str:
        if one in self.words:
            return f"@{self.words[one]}"
        return f"={one}" if one[:1] in MARKS and one else one


class _Reader:
    """The lists of a form, by which its values are read."""

    def __init__(self, shapes: list[list[str]], words: list[str], columns: list[Any]) -> None:
        self.words = words
        self.columns = dict(enumerate(columns))
        self.values = 0
        self.shapes = {f"#{number}": shape for number, shape in enumerate(shapes)}
        self._named = {f"@{number}": word for number, word in enumerate(words)}

    def value(self, one: Any) -> Any:
        kind = type(one)
        if kind is list:
            return self._list(one)
        if kind is str:
            return self.text(one)
        if kind is dict:
            self._count(len(one))
            return dict(zip(one, self._each(one.values()), strict=True))
        return one

    def _list(self, one: list[Any]) -> Any:
        """A list, or the block that a row of a shape stands for."""
        first = one[0] if one else None
        if type(first) is not str or first[:1] != "#":
            self._count(len(one))
            return self._each(one)
        shape = self.shapes[first]
        missing = 1 + len(shape) - len(one)
        if missing < 0:
            raise IndexError(f"a row has {len(one) - 1} values and its shape {len(shape)}")
        self._count(len(one) + len(shape))
        return dict(zip(shape, self._each(one[1:]) + [None] * missing, strict=True))

    def _each(self, some: Iterable[Any]) -> list[Any]:
        """Several values; most are numbers, or words that come more than once."""
        named, inner, value = self._named, self._list, self.value
        return [
            one if (kind := type(one)) in _AS_THEY_ARE
            else inner(one) if kind is list
            else named[one] if kind is str and one in named
            else value(one)
            for one in some
        ]  # fmt: skip

    def _count(self, more: int) -> None:
        """Count the values of a list or a block.

        Raises:
            IndexError: there are too many in the file.
        """
        self.values += more
        if self.values > MAX_VALUES:
            raise IndexError(f"more than {MAX_VALUES} values")

    def text(self, one: str) -> Any:
        mark = one[:1]
        if not mark or mark not in MARKS:
            return one
        if mark == "=":
            return one[1:]
        if mark in "#%":
            raise IndexError(f"{one!r} stands where it means nothing")
        if mark == "@":
            return self.words[_index(one)]
        return by_row(self.columns.pop(_index(one)))  # once: a list that many places name would be many


def _index(one: str) -> int:
    """The number behind a mark; a negative one would count from the end."""
    if not one[1:].isdecimal():
        raise IndexError(f"{one!r} names nothing")
    return int(one[1:])


def _shapes(value: Any) -> Iterator[tuple[str, ...]]:
    """The names of fields of every block that no column holds."""
    if isinstance(value, dict):
        yield tuple(value)
    for inner in _inner(value):
        yield from _shapes(inner)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in _inner(value):
        yield from _texts(inner)


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list) and not is_long(value):
        yield from value


def _laid_out(one: Any, deep: int = 1) -> str:
    """JSON text, a line for each part of what is too long for one."""
    text = json.dumps(one, separators=(",", ":"), allow_nan=False)
    if len(text) <= WIDTH or not isinstance(one, (dict, list)) or not one:
        return text
    if isinstance(one, dict):
        parts = [f"{json.dumps(key)}:{_laid_out(inner, deep + 1)}" for key, inner in one.items()]
        opened, closed = "{", "}"
    else:
        parts = [_laid_out(inner, deep + 1) for inner in one]
        opened, closed = "[", "]"
    pad = "\n" + " " * deep
    return opened + pad + f",{pad}".join(parts) + closed
