"""Streams and traces from files: our own, and anyone's matrix as CSV or npz. No code in them is run."""

from __future__ import annotations

import csv
import re
import warnings
import zipfile
import zlib
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from torch import Tensor

from bench.arrays import npz_arrays
from bench.errors import SeesawError, counted
from bench.records.run_files import RunFiles
from bench.replay.streams.stream import SURPLUS, Stream
from bench.replay.trace import Trace

LIMIT = 1 << 32
"""Bytes that a file may hold, unpacked: a million samples of twelve exits take a twentieth."""

MOST_CLASSES = 1 << 31
"""A number beyond it is no class's."""

BROKEN = OSError, ValueError, EOFError, MemoryError, RuntimeError, NotImplementedError, zlib.error
"""Errors of reading archives that are cut short, damaged, encrypted, or packed in an unknown way."""

LAYOUTS = (
    "A CSV has a confidence and a prediction for every exit and the label last; an npz has `confidences` and "
    "`predictions` (samples, exits), or `logits` (exits, samples, classes), and `labels` (samples)"
)
COLUMNS = (
    ("confidence", re.compile(r"conf|prob")),
    ("prediction", re.compile(r"pred|infer")),
    ("label", re.compile(r"label|target|truth|true|^y$")),
    ("prediction", re.compile(r"class")),
    ("index", re.compile(r"^$|^unnamed|^index$|^id$|^sample$")),
)
"""The kinds of columns, each with a pattern for its head; the first pattern that fits counts."""
DECIMAL = re.compile(r"^([+-]?\d+),(\d+)$")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""A number that may be a thousand times as large, where commas part cells: 1,000 between quotation marks."""
EXIT_WORDS = re.compile(r"conf[a-z]*|prob[a-z]*|pred[a-z]*|infer[a-z]*|class[a-z]*|[^a-z]")
"""What is no part of an exit's name in a head."""


def read_stream(path: Path) -> tuple[Stream, Trace | None]:
    """Returns (a file's stream, its trace or None where it has no logits).

    Args:
        path: a trace (`.safetensors`), a run's folder (its test split is read), or a matrix: `.csv`, `.tsv`,
            `.txt`, `.npz`.

    Raises:
        SeesawError: no such file, too large a one, or none that holds a stream.
    """
    if path.is_dir():
        path = RunFiles(path).test
    readers = {".csv": _table, ".tsv": _table, ".txt": _table, ".npz": _arrays, ".safetensors": _trace}
    if (ending := path.suffix.lower()) not in readers:
        raise SeesawError(f"{path} is no trace. Give a .safetensors of a run, or a .csv or .npz. {LAYOUTS}.")
    if not path.is_file():
        raise SeesawError(f"There is no file {path}. A run's traces lie in its folder below runs/.")
    if path.stat().st_size > LIMIT:
        raise SeesawError(
            f"{path} holds more than {LIMIT >> 30} GiB. Cut it into parts: --trace may be repeated."
        )
    return readers[ending](path)


def _trace(path: Path) -> tuple[Stream, Trace]:
    return _both(path, *Trace.tensors(path))


def _both(path: Path, logits: Tensor, labels: Tensor, costs: Tensor | None) -> tuple[Stream, Trace]:
    """The stream and the trace of a file's tensors; where nobody says what exits cost, the stream has no costs."""
    # exits are counted where nobody says what they cost
    stand_in = torch.arange(1.0, 1.0 + (len(logits) if logits.dim() else 0), dtype=torch.float64)
    trace = Trace.of(path, logits, labels, stand_in if costs is None else costs)
    stream = Stream.of(trace)
    return (replace(stream, costs=None) if costs is None else stream), trace


def _table(path: Path) -> tuple[Stream, None]:
    """The stream of a text, whose columns have heads in any order, or are pairs with the label last."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
            between = "\t" if "\t" in first else ";" if ";" in first else ","
            heads = [word.strip().strip("\"'").lower() for word in _words(first, between)]
            has_heads = not all(_is_number(word) for word in heads)
            if not has_heads:
                file.seek(0)
            rows = _rows(file, between)
    except (OSError, ValueError, csv.Error) as error:
        raise SeesawError(f"{path} is no table of numbers ({error}). {LAYOUTS}.") from error
    if not len(rows):
        raise SeesawError(f"{path} has no samples. {LAYOUTS}.")
    if has_heads and len(heads) != rows.shape[1]:
        raise SeesawError(
            f"{path} has {counted(len(heads), 'head')} for {counted(rows.shape[1], 'column')}. Name every column."
        )
    kinds = _by_heads(path, heads) if has_heads else _by_place(path, rows)
    columns = {
        wanted: [place for place, kind in enumerate(kinds) if kind == wanted]
        for wanted in ("confidence", "prediction", "label")
    }
    if has_heads:
        _in_order(path, heads, columns)
    confidences, predictions, labels = (rows[:, places] for places in columns.values())
    return _stream(path, confidences, predictions, labels[:, 0]), None


def _in_order(path: Path, heads: list[str], columns: dict[str, list[int]]) -> None:
    """Put the columns of exits in the order of the numbers in their heads.

    Without numbers those of an exit are paired by the other words in their heads, or by place where there are none.
    """
    numbers = {
        kind: {
            place: int(digits[-1]) for place in columns[kind] if (digits := re.findall(r"\d+", heads[place]))
        }
        for kind in ("confidence", "prediction")
    }
    if not any(numbers.values()):
        _by_words(path, heads, columns)
        return
    exits = [sorted(own.values()) for own in numbers.values()]
    if exits[0] != exits[1] or any(
        len(set(own.values())) < len(columns[kind]) for kind, own in numbers.items()
    ):
        raise SeesawError(
            f"{path} has confidences of the exits {exits[0]} and predictions of {exits[1]}, by the numbers in its heads. "
            "Number the exits alike, each once."
        )
    for kind, own in numbers.items():
        columns[kind].sort(key=own.__getitem__)


def _by_words(path: Path, heads: list[str], columns: dict[str, list[int]]) -> None:
    """Put predictions in the order of the confidences, by the words in their heads that name the exit."""
    words = {
        kind: {place: EXIT_WORDS.sub("", heads[place]) for place in columns[kind]}
        for kind in ("confidence", "prediction")
    }
    if not any(word for own in words.values() for word in own.values()):
        return
    order = list(words["confidence"].values())
    if len(set(order)) < len(order) or sorted(order) != sorted(words["prediction"].values()):
        raise SeesawError(
            f"{path} has confidences of {', '.join(order)} and predictions of {', '.join(words['prediction'].values())}, by its "
            "heads. Name the exits alike, each once."
        )
    columns["prediction"].sort(key=lambda place: order.index(words["prediction"][place]))


def _by_heads(path: Path, heads: list[str]) -> list[str]:
    """The kind of each column, by its head."""
    kinds = [next((kind for kind, words in COLUMNS if words.search(head)), "?") for head in heads]
    if "?" in kinds:
        raise SeesawError(
            f"{path} has a column {heads[kinds.index('?')]!r}, which says neither confidence nor prediction nor label. "
            f"Leave it out, or name it. {LAYOUTS}."
        )
    exits = kinds.count("confidence")
    if kinds.count("label") != 1 or not exits or kinds.count("prediction") != exits:
        raise SeesawError(
            f"{path} has {counted(exits, 'column')} of confidences, {kinds.count('prediction')} of predictions and "
            f"{kinds.count('label')} of labels, by their heads. {LAYOUTS}."
        )
    return kinds


def _by_place(path: Path, rows: np.ndarray) -> list[str]:
    """The kind of each column, by its place, where they have no heads; row numbers may stand in front."""
    columns = rows.shape[1]
    numbered = _numbered(rows)
    pairs, rest = divmod(columns - numbered, 2)
    if rest != 1 or not pairs:
        raise SeesawError(
            f"{path} has {counted(columns, 'column')}{', the first of row numbers' if numbered else ''}: with a confidence and a "
            f"prediction for every exit, the label is missing. {LAYOUTS}."
        )
    return ["index"] * numbered + ["confidence", "prediction"] * pairs + ["label"]


def _numbered(rows: np.ndarray) -> bool:
    """Whether the first column holds row numbers.

    One or two rows may count up by chance: theirs are row numbers only where the columns fit in no other way.
    """
    first = rows[:, 0]
    if not (np.diff(first) == 1).all():
        return False
    return len(rows) > 2 or (first[0] in (0, 1) and not _in_pairs(rows) and _in_pairs(rows[:, 1:]))


def _in_pairs(rows: np.ndarray) -> bool:
    """Whether the columns may be pairs of a confidence and a class."""
    pairs = rows[:, : rows.shape[1] // 2 * 2]
    sure, classes = pairs[:, ::2], pairs[:, 1::2]
    return bool(((sure >= 0) & (sure <= 1 + SURPLUS)).all() and (classes == np.floor(classes)).all())


def _rows(file: TextIO, between: str) -> np.ndarray:
    """The numbers of a text from where it stands, float64 (rows, columns); cells may stand between double quotation marks.

    Raises:
        ValueError: a cell holds no number, or a row has other columns.
    """
    begin, settings = file.tell(), {"delimiter": between, "ndmin": 2, "comments": None, "quotechar": '"'}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a text without rows is seen by who asks
        try:
            return np.loadtxt(file, **settings)
        except (
            ValueError
        ) as error:  # perhaps decimal commas: to look for one in every cell takes five times as long
            file.seek(begin)
            number = _unambiguous if between == "," else _number
            try:
                return np.loadtxt(file, converters=number, **settings)
            except ValueError:
                raise error from None


def _words(line: str, between: str) -> list[str]:
    """The cells of a line; one between double quotation marks may hold what parts them."""
    return next(csv.reader([line], delimiter=between, skipinitialspace=True), [""])


def _number(word: str) -> float:
    """The number in a cell, which may have a comma for a decimal point: 0,91.

    Raises:
        ValueError: it is none.
    """
    return float(DECIMAL.sub(r"\1.\2", word.strip().strip('"')))


def _unambiguous(word: str) -> float:
    """The number in a cell, as `_number` has it.

    Raises:
        ValueError: it is none, or may be another one a thousand times as large.
    """
    if THOUSANDS.fullmatch(word.strip().strip('"')):
        raise ValueError(f"{word} may be a thousand or one")
    return _number(word)


def _is_number(word: str) -> bool:
    try:
        _number(word)
    except ValueError:
        return False
    return True


def _arrays(path: Path) -> tuple[Stream, Trace | None]:
    """The stream of an npz, and its trace where it has logits; object arrays, which could run code, are refused."""
    try:
        wanted = ("confidences", "predictions", "logits", "labels", "costs")
        arrays = npz_arrays(path, wanted, LIMIT)
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (*BROKEN, zipfile.BadZipFile) as error:
        raise SeesawError(f"{path} is no npz of plain arrays ({error}). {LAYOUTS}.") from error
    odd = [name for name, array in arrays.items() if array.dtype.kind not in "fiub"]
    matrix = {"confidences", "predictions", "labels"}
    if odd or not (matrix <= arrays.keys() or {"logits", "labels"} <= arrays.keys()):
        what = f"{odd[0]} that are no numbers" if odd else f"only {', '.join(names) or 'nothing'}"
        raise SeesawError(f"{path} has {what}. {LAYOUTS}.")
    absent = set(wanted) - arrays.keys()
    for name in sorted(set(names) - set(wanted)):
        if meant := get_close_matches(name, absent, 1, 0.75):  # others are somebody's own
            raise SeesawError(
                f"{path} has an array {name!r}, and none {meant[0]!r}. Give it that name, or take it out."
            )
    arrays = {name: _double(array) for name, array in arrays.items()}
    if "logits" not in arrays:
        confidences, predictions, labels = (arrays[name] for name in ("confidences", "predictions", "labels"))
        return _stream(path, confidences, predictions, labels, arrays.get("costs")), None
    if both := {"confidences", "predictions"} & arrays.keys():
        raise SeesawError(
            f"{path} has logits, and {' and '.join(sorted(both))} besides, which they give already. Leave one of both out."
        )
    logits, labels, *rest = (
        torch.from_numpy(arrays[name].astype(arrays[name].dtype.newbyteorder("=")))
        for name in ("logits", "labels", "costs")
        if name in arrays
    )
    return _both(path, logits, labels, rest[0] if rest else None)


def _double(array: np.ndarray) -> np.ndarray:
    """Floating-point numbers of more than 64 bits as 64; others as they are."""
    wide = array.dtype.kind == "f" and array.dtype.itemsize > 8
    return array.astype(np.float64) if wide else array


def _stream(
    path: Path,
    confidences: np.ndarray,
    predictions: np.ndarray,
    labels: np.ndarray,
    costs: np.ndarray | None = None,
) -> Stream:
    """The stream of confidences and predictions (samples, exits) and labels (samples,)."""
    if confidences.ndim != 2 or predictions.shape != confidences.shape or labels.shape != (len(confidences),):
        raise SeesawError(
            f"{path} has confidences {confidences.shape}, predictions {predictions.shape} and labels {labels.shape}, "
            f"which do not fit. {LAYOUTS}."
        )
    classes = _whole(path, predictions, "prediction")
    right = classes == _whole(path, labels, "label")[:, None]
    own = None if costs is None else costs.astype(np.float64)
    try:
        return Stream(np.ascontiguousarray(confidences, dtype=np.float64), right, own)
    except SeesawError as error:
        raise SeesawError(f"{path}: {error}") from error


def _whole(path: Path, numbers: np.ndarray, what: str) -> np.ndarray:
    """Numbers of classes as int64."""
    if not (np.isfinite(numbers) & (numbers == np.floor(numbers))).all():
        raise SeesawError(f"{path} has a {what} that is no class's whole number. {LAYOUTS}.")
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < MOST_CLASSES:
        raise SeesawError(
            f"{path} has {what}s from {numbers.min():g} to {numbers.max():g}. Number the classes from 0 on."
        )
    return numbers.astype(np.int64)
