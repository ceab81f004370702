"""Plain: texts that strangers may have written, with nothing in them that a terminal, a log or a page obeys."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

_OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Kinds of characters that are no sign: control and format characters (directions of writing among them), surrogates, ..."""
_NUMBERS = frozenset({int, float, bool, type(None)})
"""Types of values that hold no text; most of a page's are such."""


def plain(text: str) -> str:
    r"""A text whose control characters are written out, such as \x1b; ends of lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(letter: str) -> str:
    if letter in "\n\t" or unicodedata.category(letter) not in _OBEYED:
        return letter
    return ascii(letter)[1:-1]


def plain_values(values: Any) -> Any:
    """JSON values with plain texts, keys included."""
    if isinstance(values, dict):
        return {plain_values(key): plain_values(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [value if type(value) in _NUMBERS else plain_values(value) for value in values]
    return plain(values) if isinstance(values, str) else values


class PlainConsole(Console):
    """A console to which texts are only texts: no markup, no escape sequence but its own."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        """A text as it is measured and printed."""
        return super().render_str(plain(text), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments as they are printed; texts that were made elsewhere are made plain here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)


class _Plain(logging.Filter):
    """Makes the lines of a log plain."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the whole line, made plain and on one line, in place of its parts."""
        record.msg, record.args = " ".join(plain(record.getMessage()).splitlines()), None
        return True


log = logging.getLogger("seesaw")
"""Of all rooms; what it is given may come from a stranger's file."""
log.addFilter(_Plain())
