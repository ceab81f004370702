"""The boards of networks as a chapter of index.html: findings first, the rest when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.boards.axes import Axis, axes
from bench.boards.board import Board, Field, Line
from bench.boards.cells import FORMS, Table, filled
from bench.boards.curves import SHARES
from bench.boards.data import field_data, line_data, more_data
from bench.boards.differences import LEVELS, MARGIN, quantile
from bench.boards.families import KINDS, network_of
from bench.boards.findings import CAVEAT
from bench.boards.markup import CONTESTED, Chapter, JsonTexts, json_text
from bench.boards.policies import NOTE
from bench.boards.rates import NOTE as RATES_NOTE
from bench.boards.styles import styles
from bench.boards.superseded import superseded
from bench.boards.units import big, in_bytes, short
from bench.errors import counted
from bench.records.record import BATCHES, Record

SCRIPTS = ("networks.js", "answers.js", "tradeoff.js", "chosen.js")
FIRST = 10
"""Rows of the first view."""
CHUNK = 40
"""Rows whose further numbers are loaded together, when one of them is chosen."""
PAIRS = 31
"""Quantiles of Student's t are given for fewer pairs than this."""


def chapter(boards: Mapping[str, Board]) -> Chapter:
    """The boards of all tasks, those of most records first."""
    boards = dict(sorted(boards.items(), key=lambda item: (-len(item[1].records), item[0])))
    all_axes = axes(row for board in boards.values() for row in board.rows)
    data = {
        "axes": {key: (axis.title, axis.unit, axis.up) for key, axis in all_axes.items()},
        "kinds": KINDS,
        "methods": styles(row for board in boards.values() for row in board.rows),
        "margin": MARGIN,
        "caveat": CAVEAT,
        "contestedNote": CONTESTED.replace("`", ""),
        "batches": BATCHES,
        "shares": [f"{share:.0%}" for share in SHARES],
        "policiesNote": NOTE.replace("*", ""),
        "ratesNote": RATES_NOTE.replace("*", ""),
        "t": [[short(quantile(level, pairs - 1)) for pairs in range(2, PAIRS)] for level in LEVELS],
        "chunk": CHUNK,
        "boards": {name: _board(board) for name, board in boards.items()},
    }
    blocks: dict[str, Any] = {}
    for name, board in boards.items():
        for number, field in enumerate(board.fields):
            blocks[f"{name}-rows-{number}"] = JsonTexts([_row(line) for line in field.lines])
            for chunk, start in enumerate(range(0, len(field.lines), CHUNK)):
                lines = field.lines[start : start + CHUNK]
                blocks[f"{name}-more-{number}-{chunk}"] = JsonTexts([_more(line) for line in lines])
        if tables := _tables(board):
            blocks[f"{name}-tables"] = [_plain(table) for table in tables]
    first = {name: _first(board, all_axes) for name, board in boards.items()}
    values = {"boards": first, "caveat": CAVEAT}
    return Chapter(Record.folder, Path(__file__).with_name("networks"), SCRIPTS, values, data, blocks)


def prepare(board: Board) -> None:
    """Compute what the page shows of each row by itself, which the row keeps."""
    for line in board.lines:
        _row(line)
        _more(line)


def _row(line: Line) -> str:
    """The values of a row as JSON text: kept without its group, which hangs on the rows beside it."""
    text = line.row.once("row of the page", lambda: json_text(line_data(line)))
    return text if line.group is None else f'{{"group":{line.group},{text[1:]}'


def _more(line: Line) -> str:
    """The further values of a row as JSON text."""
    return line.row.once("more of the page", lambda: json_text(more_data(line)))


def _board(board: Board) -> dict[str, Any]:
    """What the first view needs of a board: its fields, and what was found in each."""
    return {
        "title": board.title,
        "tables": [table.title for table in _tables(board)],
        "contested": board.contested,
        "fields": [
            {
                "recipe": field.peers.recipe,
                "machine": field.peers.machine,
                "about": about(field),
                "findings": field.findings,
                **field_data(field),
            }
            for field in board.fields
        ],
    }


def about(field: Field) -> str:
    """How many networks and records a field has, in a sentence."""
    rows = [line.row for line in field.lines]
    records = {f"{one.digest}/{one.seed}" for row in rows for one in row.records}
    seeds = sorted({row.seeds for row in rows})
    some = counted(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    return (
        f"{counted(len(rows), 'network')}, {counted(len(records), 'record')}, {some} each; trained for "
        f"{field.peers.recipe}, timed on {field.peers.machine}."
    )


def _first(board: Board, all_axes: Mapping[str, Axis]) -> dict[str, Any]:
    """The usual field as text, for a browser without scripts."""
    field = board.fields[0]
    keys = ("top1", "bytes", "latency")
    return {
        "title": board.title,
        "about": about(field),
        "findings": field.findings,
        "heads": ["network", *(all_axes[key].head for key in keys)],
        "rows": [
            [line.row.setup.model_at_density, *(line.last[key].words for key in keys)]
            for line in field.lines[:FIRST]
        ],
    }


def _plain(table: Table) -> dict[str, Any]:
    heads, rows = filled(table.heads, table.rows)
    note = table.note.replace("*", "")
    return {"title": table.title, "note": note, "heads": heads, "rows": rows, "names": table.names}


def _tables(board: Board) -> list[Table]:
    """The tables of words of a board, and those of references and of superseded records."""
    return [*board.tables, *_references(board), *_old(board)]


def _old(board: Board) -> list[Table]:
    """The table of superseded records; none where there are none."""
    table = superseded(board.rows)
    return [] if table is None else [table]


def _references(board: Board) -> list[Table]:
    """The reference points of dense networks; none where there are none."""
    rows = [
        [
            network_of(line.row),
            one.name,
            FORMS["share"](one.accuracy.value),
            big(one.device_macs.value),
            in_bytes(one.payload.value),
        ]
        for line in board.fields[0].lines
        for one in line.references
    ]
    heads = ("network", "reference", "top-1", "MACs on the device", "payload")
    return [Table("References, from the dense networks", "", heads, rows, names=2)] if rows else []
