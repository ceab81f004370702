"""Labelled texts, and pairs of texts, from the files that they usually come in: jsonl, tsv, csv, or a folder a class."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench import SeesawError, Split, hold_out, random_subset
from tasks.fields import Row, left_out, rows_of

log = logging.getLogger(__name__)

FIRST = ("text", "sentence", "review", "s1", "sentence1", "premise", "question1", "#1 String")
SECOND = ("s2", "sentence2", "hypothesis", "question2", "#2 String")
LABEL = ("label", "gold_label", "is_duplicate", "Quality", "sentiment")
"""Names of the columns in published files."""

UNLABELLED = {"-", "-1", ""}
"""Labels of samples on which annotators did not agree, or whose label is kept back."""

BREAKS = ("<br />", "\\n")
"""Line breaks as some published texts write them."""


@dataclass(frozen=True)
class Layout:
    """One way in which a data set's files lie below the data folder.

    Attributes:
        train: path of the training texts.
        dev: path of the development texts: the calibration split beside a test split, else the test split.
        test: paths of the test texts, of which the first that exists counts; files with labels only.
        columns: of files without a header.
        words: (label in the files, class), where the task's own words do not hold.
        broken: rows of the official file whose fields may not fit its columns; so many at most are left out, with a warning.
    """

    train: str
    dev: str = ""
    test: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    words: tuple[tuple[str, int], ...] = ()
    broken: int = 0

    def files(self, root: Path) -> dict[str, Path]:
        """The paths of the splits that exist: `train`, `test`, and `dev` where it is not the test split."""
        candidates = {"train": [self.train], "dev": [self.dev], "test": self.test}
        paths = {
            split: path
            for split, names in candidates.items()
            if (path := next((root / name for name in names if name and (root / name).exists()), None))
        }
        return paths if "test" in paths or "dev" not in paths else paths | {"test": paths.pop("dev")}


@dataclass(frozen=True)
class Texts:
    """Samples: one text each, or a pair, and labels, int64 (N,)."""

    first: tuple[str, ...]
    second: tuple[str, ...] | None
    labels: Tensor

    def take(self, rows: Tensor) -> Texts:
        """The samples of these numbers."""
        one, two = (
            None if side is None else tuple(side[row] for row in rows.tolist())
            for side in (self.first, self.second)
        )
        return Texts(one or (), two, self.labels[rows])

    def some(self, count: int | None) -> Texts:
        """`count` samples at random (`bench.random_subset`); all for None."""
        return self if count is None else self.take(random_subset(self._numbers(), count).inputs)

    def parted(self, count: int) -> tuple[Texts, Texts]:
        """All but `count` samples, and these (`bench.hold_out`)."""
        rest, out = hold_out(self._numbers(), count)
        return self.take(rest.inputs), self.take(out.inputs)

    def _numbers(self) -> Split:
        return Split(torch.arange(len(self.labels)), self.labels)

    def digest(self) -> str:
        """A digest of every text and label, whatever file they came in."""
        digest = hashlib.sha256(self.labels.numpy().tobytes())
        for side in (self.first, self.second or ()):
            digest.update(json.dumps(side).encode())
        return digest.hexdigest()[:16]


def read(path: Path, layout: Layout, words: Mapping[str, int], *, pairs: bool) -> Texts:
    """The labelled samples of one file, or of a folder with a folder of .txt files for every class.

    Args:
        path: jsonl, tsv or csv.
        layout: gives columns where the file has no header, and words of its own.
        words: class by label.
        pairs: whether a sample is two texts.

    Raises:
        SeesawError: cut short, or not such a file, or a row whose fields are not its columns; the message names the line.
    """
    inner = sorted(path.rglob("*")) if path.is_dir() else []
    stamp = tuple(
        (one, (about := one.stat()).st_size, about.st_mtime_ns) for one in (path, *inner) if one.exists()
    )
    labels = tuple((dict(words) | dict(layout.words)).items())
    return _read(path, stamp, layout.columns, labels, pairs, layout.broken)


@lru_cache(maxsize=8)
def _read(
    path: Path,
    stamp: object,
    columns: tuple[str, ...],
    words: tuple[tuple[str, int], ...],
    pairs: bool,
    broken: int,
) -> Texts:
    try:
        rows = list(rows_of(path, columns, dict(words)))
        if path.is_dir() and (lost := left_out(path, dict(words))):
            log.warning("%s", lost)
    except (OSError, ValueError) as error:
        mend = "Save it as UTF-8" if isinstance(error, UnicodeDecodeError) else "Put the whole file there"
        raise SeesawError(f"{path} cannot be read as text ({error}). {mend}.") from error
    misfits = [row for row in rows if row.misfit]
    if len(misfits) > broken:
        raise SeesawError(f"{path}, {misfits[0].place} {misfits[0].misfit}")
    if misfits:
        log.warning(
            "%s: %s do not fit the columns, and are left out.", path, ", ".join(row.place for row in misfits)
        )
    texts, classes, unlabelled = [], dict(words), 0
    empty: list[str] = []
    for row in rows:
        if row.misfit:
            continue
        _check_one(path, row, pairs=pairs)
        label = str(_field(path, row, LABEL, "label")).strip()
        if label in UNLABELLED:
            unlabelled += 1
            continue
        if label not in classes:
            raise SeesawError(
                f"{path}, {row.place}: there is no class {label!r}. Labels are {', '.join(classes)}."
            )
        one = _text(path, row, FIRST, "text")
        two = _text(path, row, SECOND, "second text") if pairs else ""
        if not one.strip() or (pairs and not two.strip()):
            empty.append(row.place)
        texts.append((one, two, classes[label]))
    if not texts:
        raise SeesawError(f"{path} holds no labelled texts. Put others there, or remove it.")
    if len(empty) == len(texts):
        raise SeesawError(
            f"{path} holds labels alone: all of its {len(texts):,} texts are empty. Put a file there that has them."
        )
    if empty:
        log.warning(
            "%s: %s texts are empty (%s), and are kept with their labels, which nothing in them tells. Fill them in, or take these "
            "rows out.",
            path,
            f"{len(empty):,}",
            f"{', '.join(empty[:3])}{', ...' if len(empty) > 3 else ''}",
        )
    if unlabelled:
        log.warning("%s: rows without a label are left out, %s of them.", path, f"{unlabelled:,}")
    ones, twos, labels = zip(*texts, strict=True)
    if lacking := set(classes.values()) - set(labels):
        names = " or ".join(word for word, number in classes.items() if number in lacking)
        log.warning("%s has no text that is labelled %s.", path, names)
    return Texts(ones, twos if pairs else None, torch.tensor(labels))


def _check_one(path: Path, row: Row, *, pairs: bool) -> None:
    """See that no column is passed over that may be meant: two for one thing, or a second text where one is taken.

    Raises:
        SeesawError: there is one.
    """
    for names, what in ((FIRST, "text"), (SECOND, "second text"), (LABEL, "label")):
        own = [name for name in names if row.fields.get(name) is not None]
        if what == "second text" and own and not pairs:
            raise SeesawError(
                f"{path}, {row.place} has a second text, {own[0]}, and this task takes one. Leave that column out, or choose a task "
                "of pairs."
            )
        if len(own) > 1:
            raise SeesawError(
                f"{path}, {row.place} has two columns that may be the {what}, {own[0]} and {own[1]}. Leave one of them out."
            )


def _field(path: Path, row: Row, names: tuple[str, ...], what: str) -> Any:
    value = next((row.fields[name] for name in names if row.fields.get(name) is not None), None)
    if value is None:
        raise SeesawError(
            f"{path}, {row.place}: there is no {what} under any of {', '.join(names)}. "
            "Put a file there that has it, or name its columns so."
        )
    return value


def _text(path: Path, row: Row, names: tuple[str, ...], what: str) -> str:
    """A row's text, with spaces for its line breaks."""
    text = _field(path, row, names, what)
    if isinstance(text, bool | list | dict):
        raise SeesawError(
            f"{path}, {row.place}: the {what} is {json.dumps(text)[:60]}, which is no text. Put it between quotation marks."
        )
    text = str(text).strip()
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SeesawError(
            f"{path}, {row.place}: the {what} has {text[error.start]!a}, which is half of a character. "
            "Write both halves, or leave it out."
        ) from error
    for mark in BREAKS:
        text = text.replace(mark, " ")
    return text
