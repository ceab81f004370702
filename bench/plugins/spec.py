"""Specs: the one spelling of a plugin and its settings.

A spec is `name` or `name[key=value,key=value]`; items of a list are joined by `:`, and a value may itself be
a spec. A model is a product, `backbone_method`: `resnet[depth=32]_sparse[density=0.25]`.
A draft is a class that no distribution announces: `package.module:Class` or `path/to/file.py:Class`.
A value, an item of a list or a draft's place that holds commas, brackets or the like stands in double quotes, where two
of them mean one: `folder[path="/my/cats, dogs"]`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.errors import SeesawError

LONGEST, DEEPEST = 10_000, 16
"""Most characters of a spec, and most brackets around a character: strangers' files hold specs too."""

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DRAFT = re.compile(r"[\w./\\~-]+:[A-Za-z][A-Za-z0-9]*")
_QUOTED_DRAFT = re.compile(r"[^\x00-\x1f]+:[A-Za-z][A-Za-z0-9]*")
_PLACE = re.compile(r"(?:[\w./\\~-]+|[^\x00-\x1f]+\.py):[A-Za-z_]\w*")
"""A draft's place as a setting's value, such as `my nets/mine.py:build_net`: functions may have any name there."""
_ABSOLUTE = re.compile(r"(?:[/\\~]|[A-Za-z]:[/\\]).*")
"""A path from the root, or from the user's own folder."""
_QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"')


@dataclass(frozen=True)
class Spec:
    """A plugin's name (or a draft's place) and the settings written behind it, still as words.

    A word may be quoted: `unquoted` gives what it holds, `items` those of a list.
    """

    name: str
    settings: Mapping[str, str]

    def __str__(self) -> str:
        name = self.name if _NAME.fullmatch(self.name) or _DRAFT.fullmatch(self.name) else _quoted(self.name)
        words = ",".join(f"{key}={word}" for key, word in self.settings.items())
        return f"{name}[{words}]" if words else name


def drafts_in(text: str) -> list[str]:
    """The places of all drafts that a spec names, itself or inside it: files or modules whose code would be run."""
    spec = parse(text)
    inner = [place for word in spec.settings.values() for place in _drafts_in_word(word)]
    return [spec.name, *inner] if ":" in spec.name else inner


def _drafts_in_word(word: str) -> list[str]:
    """The drafts in a setting's word, read as one value and as a list."""
    return [place for value in {word, *split(word, ":")} for place in _drafts_in_value(value)]


def _drafts_in_value(word: str) -> list[str]:
    if place := _place(word):
        return [place]
    try:
        return drafts_in(unquoted(word.strip()))
    except SeesawError:  # a value that is no spec, such as a folder
        return []


def _place(word: str) -> str | None:
    """The draft's place that a value is as a whole; None for other values, such as specs."""
    try:
        value = unquoted(word.strip())
    except SeesawError:
        return None
    return value if _PLACE.fullmatch(value) else None


def names_draft(text: str) -> bool:
    """Whether a spec, or one inside it, is a draft."""
    return bool(drafts_in(text))


def without_folders(text: str) -> str:
    """A spec whose drafts are named by their file and class alone: folders are the user's own affair."""
    spec = parse(text)
    return str(
        Spec(
            _file_alone(spec.name), {key: _word_without_folders(word) for key, word in spec.settings.items()}
        )
    )


def without_paths(text: str) -> str:
    """A spec for people to read, in which files and folders are named by the last part of their paths alone."""
    spec = parse(without_folders(text))
    return str(Spec(spec.name, {key: _word_without_paths(word) for key, word in spec.settings.items()}))


def _word_without_paths(word: str) -> str:
    value = unquoted(word)
    return render(_last(value)) if _ABSOLUTE.fullmatch(value) and _last(value) else word


def _file_alone(place: str) -> str:
    """A draft's place without the folders of its file."""
    file, colon, name = place.rpartition(":")
    return _last(file) + colon + name if file.endswith(".py") else place


def _last(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("/\\"))[-1]


def _word_without_folders(word: str) -> str:
    if place := _place(word):
        return render(_file_alone(place))
    if _drafts_in_value(word):
        return render(without_folders(unquoted(word)))
    return render([value_without_folders(one) for one in items(word)]) if _drafts_in_word(word) else word


def value_without_folders(value: Any) -> Any:
    """A setting's value, a list's items included, with drafts named as `without_folders` names them."""
    if isinstance(value, (tuple, list)):
        return [value_without_folders(item) for item in value]
    if isinstance(value, str) and _PLACE.fullmatch(value):
        return _file_alone(value)
    return without_folders(value) if isinstance(value, str) and _drafts_in_value(render(value)) else value


def near(word: str, choices: Iterable[str]) -> str:
    """The end of a sentence about a wrong word: `; did you mean 'resnet'?`, or a full stop."""
    close = difflib.get_close_matches(word, list(choices), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(c) for c in close)}?" if close else "."


def split(text: str, at: str) -> list[str]:
    """Split at a character wherever it stands outside brackets and quotes.

    Raises:
        SeesawError: brackets or quotes do not match, or stand too deep.
    """
    places = [place for place, letter, depth in _unquoted_letters(text) if letter == at and depth == 0]
    ends = zip([-1, *places], [*places, len(text)], strict=True)
    return [text[start + 1 : stop] for start, stop in ends]


def _unquoted_letters(text: str) -> Iterator[tuple[int, str, int]]:
    """Place, letter and depth (brackets around it) of what stands outside quotes; a quote opens where a value begins."""
    if len(text) > LONGEST:
        raise SeesawError(
            f"A spec has at most {LONGEST:,} characters, and {_shown(text)} has {len(text):,}. Shorten it."
        )
    depth = place = 0
    begins = True
    while place < len(text):
        letter = text[place]
        if begins and letter == '"':
            quote = _QUOTED.match(text, place)
            if quote is None:
                raise SeesawError(
                    f'A quote in {_shown(text)} is not closed. Write key="value", and "" for a quote in it.'
                )
            place, begins = quote.end(), False
            continue
        depth += (letter == "[") - (letter == "]")
        if depth < 0:
            break
        if depth > DEEPEST:
            raise SeesawError(
                f"{_shown(text)} has more than {DEEPEST} brackets inside each other. Write fewer."
            )
        yield place, letter, depth
        begins = letter in "[,=:_" or (begins and letter.isspace())
        place += 1
    if depth != 0:
        raise SeesawError(f"The brackets of {_shown(text)} do not match. Write name[key=value,key=value].")


def _shown(text: str) -> str:
    """A text for a sentence, cut where it is long."""
    return repr(text if len(text) <= 200 else f"{text[:200]}...")


def parse(text: str) -> Spec:
    """Read `name[key=value,...]`.

    Raises:
        SeesawError: the text is no spec.
    """
    text = text.strip()
    quote = _QUOTED.match(text) if text.startswith('"') and len(text) <= LONGEST else None
    head = quote[0] if quote else text.partition("[")[0]
    name, rest = unquoted(head) if quote else head, text[len(head) :]
    if not (_NAME.fullmatch(name) or (_QUOTED_DRAFT if quote else _DRAFT).fullmatch(name)):
        raise SeesawError(
            f"{_shown(text)} is no spec. Write name[key=value,key=value] with a name from `seesaw list`, "
            "or package.module:Class, or path/to/file.py:Class."
        )
    if not rest:
        return Spec(name, {})
    if not (len(rest) > 1 and rest[0] == "[" and rest[-1] == "]"):
        raise SeesawError(f"{_shown(text)} ends without its bracket. Write {name}[key=value,key=value].")
    settings: dict[str, str] = {}
    for item in split(rest[1:-1], ","):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not (equals and key):
            raise SeesawError(f"{_shown(item)} in {_shown(text)} is no setting. Write key=value.")
        if key in settings:
            raise SeesawError(f"{_shown(text)} sets {key!r} twice. Keep one of the two.")
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
        raise SeesawError(f"{_shown(text)} ends in '_'. Write backbone_method, for example {head}_dense.")
    return head, method or None


def unquoted(word: str) -> str:
    """The text that a word of a spec holds.

    Raises:
        SeesawError: it goes on behind its quote.
    """
    if not word.startswith('"'):
        return word
    quote = _QUOTED.fullmatch(word)
    if quote is None:
        raise SeesawError(
            f'{_shown(word)} does not end with its quote. Write key="value", and "" for a quote in it.'
        )
    return quote[1].replace('""', '"')


def items(word: str) -> list[str]:
    """The texts of a list's items, joined by `:` in a word of a spec."""
    return [unquoted(item.strip()) for item in split(word, ":")] if word else []


def render(value: Any) -> str:
    """A setting's value as a spec writes it, quoted where it could not be read back otherwise."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        words = [render(item) for item in value]
        return ":".join(
            _quoted(word) if not word or (word[0] != '"' and len(split(word, ":")) > 1) else word
            for word in words
        )
    text = str(value)
    return text if not isinstance(value, str) or _is_plain(text) else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _is_plain(text: str) -> bool:
    """Whether a text can stand in a spec as it is."""
    try:
        letters = list(_unquoted_letters(text))
    except SeesawError:
        return False
    if any(depth == DEEPEST or (letter == "," and depth == 0) for _, letter, depth in letters):
        return False
    return text == text.strip() and text[:1] != '"' and text != "none"
