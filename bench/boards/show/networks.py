"""The boards of networks as a chapter of index.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.boards.axes import Axis, axes
from bench.boards.board import Board, Line
from bench.boards.cells import FORMS, Cell, Table, filled
from bench.boards.data import line_data
from bench.boards.families import network_of
from bench.boards.markup import Chapter
from bench.boards.numbers import SHARES
from bench.boards.policies import NOTE
from bench.boards.units import big, digits, in_bytes, short
from bench.errors import counted
from bench.records.record import BATCHES, Record


class Head(NamedTuple):
    """A column's title."""

    title: str
    number: bool = True


def chapter(boards: Mapping[str, Board]) -> Chapter:
    """The boards of all tasks, with their plot."""
    all_axes = axes(row for board in boards.values() for row in board.rows)
    values = {name: [line_data(line, all_axes) for line in board.lines] for name, board in boards.items()}
    data = {
        "axes": {key: (axis.title, axis.unit) for key, axis in all_axes.items()},
        "boards": {
            name: {
                "rows": rows,
                "methods": sorted({row["method"] for row in rows}),
                "backbones": sorted({row["backbone"] for row in rows}),
            }
            for name, rows in values.items()
        },
    }
    return Chapter(
        Record.folder,
        Path(__file__).with_name("networks"),
        {
            "boards": {name: _board(board, values[name], all_axes) for name, board in boards.items()},
            "shares": [f"{share:.0%}" for share in SHARES],
            "batches": BATCHES,
            "policies_note": NOTE.replace("*", ""),
        },
        data,
    )


def _plain(table: Table) -> dict[str, Any]:
    heads, rows = filled(table.heads, table.rows)
    return {"title": table.title, "note": table.note, "heads": heads, "rows": rows, "names": table.names}


def _board(board: Board, rows: list[dict[str, Any]], all_axes: Mapping[str, Axis]) -> dict[str, Any]:
    hours = board.seconds / 3600
    measured = {
        key
        for line in board.lines
        for key, value in line.last.items()
        if value.mean is not None or value.disturbed
    }
    own = [key for key in all_axes if key in measured]
    return {
        "heads": [
            Head("rank"),
            Head("model", number=False),
            Head("exits plan", number=False),
            Head("seeds"),
            *(Head(all_axes[key].title) for key in own),
            Head("budget"),
        ],
        "rows": [
            {"ranked": row["ranked"], "cells": _cells(place, line, row, own)}
            for place, (line, row) in enumerate(zip(board.lines, rows, strict=True), 1)
        ],
        "title": board.title,
        "models": counted(len(board.lines), "model"),
        "records": counted(sum(len(row.entries) for row in board.rows), "record"),
        "hours": f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes",
        "machines": " and ".join(board.machines),
        "tables": [_plain(table) for table in board.tables],
        "contested": [
            {"model": one["model"], "reason": reason} for one in rows for reason in one["contested"]
        ],
        "references": [
            {
                "model": network_of(line.row),
                "name": reference.name,
                "accuracy": FORMS["share"](reference.accuracy.value),
                "macs": big(reference.device_macs.value),
                "payload": in_bytes(reference.payload.value),
            }
            for line in board.lines
            for reference in line.references
        ],
    }


def _warnings(line: Line, row: dict[str, Any]) -> Iterable[str]:
    """What a reader must know of a model before its numbers."""
    if row["contested"]:
        yield "contested"
    if line.row.costly:
        yield f"MACs leave out {', '.join(line.row.costly)}"


def _cells(place: int, line: Line, row: dict[str, Any], own: Iterable[str]) -> list[Cell]:
    cells = [
        Cell("-" if line.rank is None else str(line.rank), value=place),
        Cell(row["model"], "; ".join(_warnings(line, row)), number=False),
        Cell(row["plan"], number=False),
        Cell(str(row["seeds"]), value=row["seeds"]),
    ]
    for key in own:
        value = line.last.get(key)
        if value is None or value.mean is None:
            cells.append(Cell("-" if value is None else value.lines[0]))
        else:
            cells.append(Cell(*value.lines, short(value.mean.value)))
    budget = row["budget"]
    return [*cells, Cell(f"{digits(budget[0])} x", value=budget[0]) if budget else Cell("-")]
