"""Markdown pages, one a task and version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.board.rows import Mean, Row, read, rows
from bench.record import Record, schema
from bench.tables import big, joules, seconds, smallest

HEADER = (
    "model",
    "exits plan",
    "task",
    "seeds",
    "exit",
    "top-1",
    "top-5",
    "MACs",
    "effective",
    "packed",
    "latency",
    "energy, measured",
    "energy, modelled",
    "budget",
)


def write_pages(records: Path, pages: Path) -> tuple[list[Path], list[str]]:
    """Write every page and the schema of records.

    Args:
        records: folder of records.
        pages: folder that the pages go to.

    Returns:
        The pages written, and a sentence for each file that is no record.
    """
    found, trouble = read(records)
    texts = {f"{name}.md": page(name, board) for name, board in rows(found).items()} | {
        "schema.json": schema()
    }
    pages.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (pages / name).write_text(text, encoding="utf-8")
    return [pages / name for name in texts], trouble


def page(name: str, board: list[Row]) -> str:
    """One page: a line an exit of every row."""
    lines = [
        f"# {name}",
        "",
        "Means over seeds with 95% intervals. Ratios in brackets are to the dense parent's same exit (times less).",
        "Fewer than three seeds are not ranked. MACs: 1 MAC = 2 FLOPs; *effective* counts weights that exist.",
        "Computed from `records/` by `make board`.",
        "",
        f"| {' | '.join(HEADER)} |",
        f"|{'---|' * len(HEADER)}",
    ]
    for row in board:
        lines += [f"| {' | '.join(cells)} |" for cells in _cells(row)]
    return "\n".join(lines) + "\n"


def _cells(row: Row) -> list[list[str]]:
    setup, first = row.setup, row.records[0]
    seeds = f"{len(row.records)}{'' if row.ranked else ' (unranked)'}"
    budget = row.mean(lambda r: r.budget)
    return [
        [
            f"`{setup.model}`",
            f"`{setup.exits.spec}`",
            f"`{setup.task.spec}`",
            seeds,
            f"{number} (stage {exit_.stage})",
            _share(row.mean(_reading(number, "top1"))),
            _share(row.mean(_reading(number, "top5"))),
            _cost(row, _reading(number, "macs"), big),
            _cost(row, _reading(number, "macs.effective"), big),
            _cost(row, _packed(number), lambda v: f"{big(v)}B"),
            _cost(row, _reading(number, "latency"), seconds),
            _cost(row, _reading(number, "energy"), joules),
            _cost(row, _modelled(number), joules),
            f"{budget.value:.3g} x" if budget else "",
        ]
        for number, exit_ in enumerate(first.exits)
    ]


def _reading(number: int, name: str) -> Callable[[Record], float | None]:
    def find(record: Record) -> float | None:
        if number >= len(record.exits) or name not in record.exits[number].readings:
            return None
        return record.exits[number].readings[name].value

    return find


def _packed(number: int) -> Callable[[Record], float | None]:
    def find(record: Record) -> float | None:
        packed = smallest(record.exits[number].readings) if number < len(record.exits) else None
        return packed[1] if packed else None

    return find


def _modelled(number: int) -> Callable[[Record], float | None]:
    def find(record: Record) -> float | None:
        readings = record.exits[number].readings if number < len(record.exits) else {}
        return next((r.value for name, r in readings.items() if name.startswith("energy.")), None)

    return find


def _share(mean: Mean | None) -> str:
    if mean is None:
        return ""
    return f"{mean.value:.2%}" + (f" ± {mean.half * 100:.2f}" if mean.half is not None else "")


def _cost(row: Row, number: Callable[[Record], float | None], form: Callable[[float], str]) -> str:
    mean, ratio = row.mean(number), row.ratio(number)
    if mean is None:
        return ""
    return form(mean.value) + (
        f" ({ratio:.2f} x)" if ratio is not None and row.setup.method.name != "dense" else ""
    )
