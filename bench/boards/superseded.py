"""Superseded: the records in whose place a newer one of the same training and seed counts, timed on the same machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.boards.cells import Table
from bench.boards.extract import Extract
from bench.boards.rows import Row
from bench.errors import counted
from bench.records.setup import path_of

if TYPE_CHECKING:
    from bench.boards.board import Board

TITLE = "Superseded records"
NOTE = (
    "Of several records of one training and one seed, timed on one machine, the newest counts. No number of an older one is on this "
    "page; it may have been measured with other policies, codecs or meters. `seesaw diff` sets both beside each other."
)
HEADS = ("network", "seed", "superseded", "of", "in its place", "of")


def superseded(rows: Iterable[Row]) -> Table | None:
    """The table of superseded records, each with the record that counts in its place; None where there are none."""
    lines = []
    for row in rows:
        newest = {entry.file.seed: entry.file for entry in row.entries if entry.contested is None}
        lines += [_line(old, newest[old.seed]) for old in row.superseded]
    return Table(f"{TITLE}: {len(lines)}", NOTE, HEADS, lines, names=len(HEADS)) if lines else None


def _line(old: Extract, new: Extract) -> list[str]:
    return [old.setup.model_at_density, str(old.seed), *_named(old), *_named(new)]


def _named(extract: Extract) -> tuple[str, str]:
    """The path of a record below the folder of records, and the day it was written."""
    path = path_of(Path(), extract.setup, extract.digest, extract.seed)
    return path.as_posix(), extract.created[:10]


def remarks(boards: Mapping[str, Board]) -> list[str]:
    """A sentence with the number of superseded records, and the pages that list them; none where there are none."""
    counts = {name: sum(len(row.superseded) for row in board.rows) for name, board in boards.items()}
    pages = [f"{name}.md ({count})" for name, count in counts.items() if count]
    if not pages:
        return []
    number = sum(counts.values())
    return [
        f"{counted(number, 'record')} {'counts' if number == 1 else 'count'} nowhere, as a newer one of the same training and seed "
        f"is there, timed on the same machine. {'It is' if number == 1 else 'They are'} listed under '{TITLE}' at the end of "
        f"{', '.join(pages)}, each beside the one in its place."
    ]
