"""Markdown pages, one a task and version."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence

from bench.board.references import references
from bench.board.rows import Mean, Number, Row, modelled_names, packed, payload, reading, work_seconds
from bench.tables import big, joules, seconds

COMPUTED = "Computed from `records/` by `make board`."
"""The line by which a board knows its own pages."""

NOTES = (
    "Means over seeds with 95% intervals (Student's t). Ratios in brackets: how many times less than the dense parent.",
    "Fewer than three seeds have no rank. MACs: 1 MAC = 2 FLOPs; *effective* counts weights that exist.",
    "Latency: batch 1, really executed, compared only on one machine. Payload: the fewest bytes at an inner cut whose "
    "codec costs at most one point of accuracy.",
)


def page(name: str, board: list[Row]) -> str:
    """One page: last exits, every exit, references, and what is contested and why."""
    records = [record for row in board for record in row.records]
    hours = sum(work_seconds(record) for record in records) / 3600
    machines = sorted({row.machine for row in board if row.machine})
    lines = [
        f"# {name}",
        "",
        f"{len(board)} models, {len(records)} records, {hours:.2f} hours of work on {_text(' and '.join(machines) or 'several machines')}.",
        "",
        *NOTES,
        COMPUTED,
        "",
        "## Last exits",
        "",
        *_table(
            ("rank", "model", "exits plan", "epochs", "seeds", "top-1", "top-5", "effective MACs", "packed", "latency", "payload", "energy, measured", "energy, modelled", "budget"),
            (_last(number, row) for number, row in enumerate(board, 1)),
        ),
        "",
        "## Every exit",
        "",
        *_table(
            ("model", "exits plan", "exit", "top-1", "MACs", "effective MACs", "packed", "latency"),
            (cells for row in board for cells in _exits(row)),
        ),
    ]  # fmt: skip
    if found := [(row, one) for row in board for one in references(row)]:
        lines += [
            "", "## References", "",
            *_table(
                ("dense network", "reference", "top-1", "MACs on the device", "payload"),
                (
                    [_text(f"{row.setup.backbone.spec}, {row.setup.exits.spec}"), one.name, _percent(one.accuracy),
                     big(one.device_macs.value), f"{big(one.payload.value)}B"]
                    for row, one in found
                ),
            ),
        ]  # fmt: skip
    if reasons := [(row, reason) for row in board for reason in row.reasons]:
        lines += ["", "## Contested", ""]
        lines += [f"* {_text(row.setup.model)}, {_text(reason)}" for row, reason in reasons]
    return "\n".join(lines) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(cells)} |" for cells in rows),
    ]


def _text(words: str) -> str:
    """Words of a record as Markdown shows them: no element, no cell, no line of their own."""
    plain = html.escape(" ".join(words.split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\`*_[]|#!~" else letter for letter in plain)


def _last(number: int, row: Row) -> list[str]:
    setup, budget = row.setup, row.mean(lambda record: record.budget)
    return [
        str(number) if row.ranked else "-",
        _text(setup.model),
        _text(setup.exits.spec),
        _text(str(setup.recipe.get("epochs", ""))),
        str(row.seeds) + (" (contested)" if row.reasons else ""),
        _share(row, reading(-1, "top1")),
        _share(row, reading(-1, "top5")),
        _cost(row, reading(-1, "macs.effective"), big),
        _cost(row, packed(-1), _bytes),
        _cost(row, reading(-1, "latency"), seconds, timed=True),
        _cost(row, payload, _bytes),
        _cost(row, reading(-1, "energy"), joules, timed=True),
        ", ".join(
            f"{_cost(row, reading(-1, name), joules)} {_text(name.removeprefix('energy.'))}"
            for name in sorted({name for record in row.records[:1] for name in modelled_names(record)})
        ),
        f"{budget.value:.3g} x" if budget else "",
    ]


def _exits(row: Row) -> list[list[str]]:
    return [
        [
            _text(row.setup.model),
            _text(row.setup.exits.spec),
            f"{number} (stage {exit_.stage})",
            _share(row, reading(number, "top1")),
            _cost(row, reading(number, "macs"), big),
            _cost(row, reading(number, "macs.effective"), big),
            _cost(row, packed(number), _bytes),
            _cost(row, reading(number, "latency"), seconds, timed=True),
        ]
        for number, exit_ in enumerate(row.records[0].exits if row.records else ())
    ]


def _bytes(value: float) -> str:
    return f"{big(value)}B"


def _share(row: Row, number: Number) -> str:
    mean = row.mean(number)
    return "" if mean is None else _percent(mean) + _of(row, mean)


def _of(row: Row, mean: Mean) -> str:
    """How many seeds have a number, where not all do."""
    return f" (n={mean.n})" if mean.n != len(row.records) else ""


def _percent(mean: Mean) -> str:
    return f"{mean.value:.2%}" + (f" ± {mean.half * 100:.2f}" if mean.half is not None else "")


def _cost(row: Row, number: Number, form: Callable[[float], str], *, timed: bool = False) -> str:
    mean, ratio = row.mean(number), row.ratio(number, timed=timed)
    if mean is None or (timed and row.machine is None):
        return ""
    return form(mean.value) + (f" ({ratio:.2f} x)" if ratio is not None else "") + _of(row, mean)
