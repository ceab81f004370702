"""The page: one self-contained file that works from disk, without a network, under a strict content policy."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.boards.cells import Table, filled
from bench.boards.data import axes, row_data
from bench.boards.families import side_by_side
from bench.boards.margin import within
from bench.boards.policies import NOTE
from bench.boards.rows import Row, ranks, title_of
from bench.boards.show.policies import BATCHES, SHARES
from bench.boards.show.record import big, joules, seconds
from bench.boards.streams.page import shown
from bench.boards.streams.read import Board
from bench.errors import counted

HOME = Path(__file__).parent
FORMS = {
    "MAC": big,
    "B": lambda value: f"{big(value)}B",
    "s": seconds,
    "J": joules,
    "share": lambda value: f"{value:.2%}",
    "x": lambda value: f"{value:.2f} x",
}


class Cell(NamedTuple):
    """One cell of the table: its text, a smaller line below, and the number that it is sorted by."""

    text: str
    more: str = ""
    value: float | None = None
    number: bool = True


class Head(NamedTuple):
    """A column's title."""

    title: str
    number: bool = True


def index(boards: Mapping[str, list[Row]], streams: Mapping[str, Board]) -> str:
    """The page of all boards, and of the online policies where some were recorded."""
    found = axes(row for rows in boards.values() for row in rows)
    told = {name: [row_data(row, found) for row in rows] for name, rows in boards.items()}
    data = {
        "axes": found,
        "boards": {
            name: {
                "rows": rows,
                "methods": sorted({row["method"] for row in rows}),
                "backbones": sorted({row["backbone"] for row in rows}),
            }
            for name, rows in told.items()
        },
    }
    online = shown(streams)
    data |= {"streams": [section["data"] for section in online["sections"]]} if online["sections"] else {}
    style, script = ((HOME / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    environment = Environment(
        loader=FileSystemLoader(HOME),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("index.html.j2").render(
        boards={name: _board(name, boards[name], rows, found) for name, rows in told.items()},
        data=_inside_script(data),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        shares=[f"{share:.0%}" for share in SHARES],
        batches=BATCHES,
        online=online,
        policies_note=NOTE.replace("*", ""),
    )


def _inside_script(data: Any) -> str:
    """JSON that cannot end the element it stands in, whatever a record calls its model."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _plain(table: Table) -> dict[str, Any]:
    heads, rows = filled(table.heads, table.rows)
    return {"title": table.title, "note": table.note, "heads": heads, "rows": rows, "names": table.names}


def _board(
    name: str, rows: list[Row], told: list[dict[str, Any]], keys: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    hours = sum(one["seconds"] for one in told) / 3600
    keys = {key: axis for key, axis in keys.items() if any(_pair(one, key) for one in told)}
    return {
        "heads": [
            Head("rank"),
            Head("model", number=False),
            Head("exits plan", number=False),
            Head("seeds"),
            *(Head(title) for title, _ in keys.values()),
            Head("budget"),
        ],
        "rows": [
            {"ranked": one["ranked"], "cells": _cells(place, rank, one, keys)}
            for place, (rank, one) in enumerate(zip(ranks(rows), told, strict=True), 1)
        ],
        "title": title_of(name, rows),
        "models": counted(len(rows), "model"),
        "records": counted(sum(len(row.entries) for row in rows), "record"),
        "hours": f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes",
        "machines": " and ".join(sorted({row.machine for row in rows if row.machine})),
        "tables": [_plain(table) for table in (side_by_side(rows), within(rows)) if table and table.rows],
        "contested": [
            {"model": one["model"], "reason": reason} for one in told for reason in one["contested"]
        ],
        "references": [
            {
                "model": f"{one['backbone']}, {one['plan']}",
                "name": name,
                "accuracy": _text(accuracy, "share"),
                "macs": _text(macs, "MAC"),
                "payload": _text(payload, "B"),
            }
            for one in told
            for name, accuracy, macs, payload in one["references"]
        ],
    }


def _cells(
    place: int, rank: int | None, row: dict[str, Any], keys: Mapping[str, tuple[str, str]]
) -> list[Cell]:
    cells = [
        Cell("-" if rank is None else str(rank), value=place),
        Cell(row["model"], "contested" if row["contested"] else "", number=False),
        Cell(row["plan"], number=False),
        Cell(str(row["seeds"]), value=row["seeds"]),
    ]
    for key, (_, unit) in keys.items():
        pair = _pair(row, key)
        if pair is None:
            cells.append(Cell("-"))
            continue
        ratio = row["ratios"].get(key)
        more = (
            f"± {pair[1] * 100:.2f}"
            if key in ("top1", "top5") and pair[1] is not None
            else f"{ratio:.2f} x"
            if ratio
            else ""
        )
        cells.append(Cell(_text(pair, unit), more, pair[0]))
    budget = row["budget"]
    return [*cells, Cell(f"{budget[0]:.3g} x", value=budget[0]) if budget else Cell("-")]


def _pair(row: dict[str, Any], key: str) -> list[float] | None:
    """A number of the whole model, or of its last exit."""
    return row["whole"].get(key) or (row["exits"][-1].get(key) if row["exits"] else None)


def _text(pair: list[float] | None, unit: str) -> str:
    return "-" if pair is None else FORMS[unit](pair[0])
