"""Results: every exit of every record that counts as a row of one table, `results.csv` and `results.parquet` beside the pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from bench.boards.axes import BOARD_COSTS, board_costs
from bench.boards.board import Board
from bench.boards.extract import Extract
from bench.boards.families import density_of, kind_of
from bench.boards.numbers import overhead, packed, reading, smallest, training_macs, work_seconds
from bench.boards.parquet import Cell, parquet
from bench.boards.peers import recipe_key, recipe_names
from bench.boards.rows import Row
from bench.plain import plain
from bench.records.energy_model import SPIKES

READINGS = {
    "top1": "top1", "top5": "top5", "macs": "macs", "macs.effective": "macs_effective", "memory": "memory_bytes",
    "latency": "latency_s", "speedup": "speedup_x", "speedup.fastest": "speedup_any_engine_x", "energy": "energy_j", "density": "density",
    "density.effective": "density_effective", "spikes": "spikes", "synops": "synaptic_operations", "macs.analog": "macs_analog",
    f"energy.{SPIKES}": "spike_energy_modelled_j",
}  # fmt: skip
"""Readings of an exit, each with its column: its name with its unit. Times that a busy machine disturbed are left out."""


FORMULA = frozenset("=+-@\t\r")
"""First characters of what a spreadsheet takes for a formula."""


def results(boards: Mapping[str, Board]) -> dict[str, bytes]:
    """The files of the table, by name."""
    records = (record for board in boards.values() for row in board.rows for record in row.records)
    readings = READINGS | {name: _column(name) for name in board_costs(records)}
    rows = [row for board in boards.values() for row in _rows(board, readings)]
    columns: dict[str, list[Cell]] = {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}
    columns = {name: cells for name, cells in columns.items() if any(cell is not None for cell in cells)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_word(cell) for cell in cells] for cells in zip(*columns.values(), strict=True))
    return {"results.csv": text.getvalue().encode(), "results.parquet": parquet(columns)}


def _word(cell: Cell) -> str:
    """A cell as text: nine digits, and texts that no spreadsheet takes for a formula."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return f"'{cell}" if cell[:1] in FORMULA else cell
    if isinstance(cell, float):  # with a point: no reader takes a column for whole numbers by its first rows
        return repr(float(f"{cell:.9g}"))
    return str(cell).lower()


def _column(name: str) -> str:
    """The column of what generated code takes of a microcontroller: flash_cortex_m4_bytes."""
    kind, _, board = name.partition(".")
    unit = "_bytes" if BOARD_COSTS[kind] == "B" else ""
    return f"{kind}_{board.replace('-', '_')}{unit}"


def _rows(board: Board, readings: Mapping[str, str]) -> Iterator[dict[str, Cell]]:
    """The rows of a board, each record once, in order of digests and seeds."""
    names, rows = recipe_names(board.rows), {}
    for row in board.rows:
        for record in row.records:
            rows.setdefault((record.digest, record.seed), (row, record))
    for _, (row, record) in sorted(rows.items()):
        for number in range(len(record.exits)):
            yield _run(board, row, record, names[recipe_key(row)]) | _exit(record, number, readings)


def _run(board: Board, row: Row, record: Extract, recipe: str) -> dict[str, Cell]:
    """The columns that all exits of a record share."""
    setup = record.setup
    words = {
        "board": board.name, "task": setup.task.label, "model": setup.model_at_density, "backbone": setup.backbone.label,
        "method": setup.method.name, "method_spec": setup.method.label, "method_kind": kind_of(row),
        "exits_plan": setup.exits.label, "values": setup.values or "float32", "training": recipe, "machine": record.machine,
    }  # fmt: skip
    return {name: plain(word) for name, word in words.items()} | {
        "density_asked": density_of(row) or None, "cut": setup.cut, "lean": bool(setup.lean), "seed": record.seed,
        "budget_x": float(record.budget), "training_macs": training_macs(record), "training_time_x": overhead(record),
        "run_s": float(work_seconds(record)), "digest": record.digest,
    }  # fmt: skip


def _exit(record: Extract, number: int, readings: Mapping[str, str]) -> dict[str, Cell]:
    """The columns of one exit, those of readings by their names."""
    taken, last = record.exits[number].readings, number == len(record.exits) - 1
    best = smallest(taken)
    own: dict[str, Cell] = {"exit": number, "stage": record.exits[number].stage, "last": last}
    own |= {"packed_bytes": packed(number)(record), "packed_as": best[0] if best else None}
    return own | {column: reading(number, name)(record) for name, column in readings.items()}
