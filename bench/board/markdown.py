"""Markdown pages, one a task and version."""

from __future__ import annotations

from collections.abc import Callable

from bench.board.rows import Mean, Number, Row, modelled_names, packed, reading
from bench.tables import big, joules, seconds

COMPUTED = "Computed from `records/` by `make board`."
"""The line by which a board knows its own pages."""

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


def page(name: str, board: list[Row]) -> str:
    """One page: a line an exit of every row."""
    lines = [
        f"# {name}",
        "",
        "Means over seeds with 95% intervals. Ratios in brackets are to the dense parent's same exit (times less).",
        "Fewer than three seeds are not ranked. MACs: 1 MAC = 2 FLOPs; *effective* counts weights that exist.",
        COMPUTED,
        "",
        f"| {' | '.join(HEADER)} |",
        f"|{'---|' * len(HEADER)}",
    ]
    for row in board:
        lines += [f"| {' | '.join(cells)} |" for cells in _cells(row)]
    return "\n".join(lines) + "\n"


def _cells(row: Row) -> list[list[str]]:
    setup, first = row.setup, row.records[0]
    seeds = f"{row.seeds}{'' if row.ranked else ' (unranked)'}"
    budget = row.mean(lambda r: r.budget)
    return [
        [
            f"`{setup.model}`",
            f"`{setup.exits.spec}`",
            f"`{setup.task.spec}`",
            seeds,
            f"{number} (stage {exit_.stage})",
            _share(row.mean(reading(number, "top1"))),
            _share(row.mean(reading(number, "top5"))),
            _cost(row, reading(number, "macs"), big),
            _cost(row, reading(number, "macs.effective"), big),
            _cost(row, packed(number), lambda v: f"{big(v)}B"),
            _cost(row, reading(number, "latency"), seconds, timed=True),
            _cost(row, reading(number, "energy"), joules),
            ", ".join(
                f"{_cost(row, reading(number, name), joules)} {name.removeprefix('energy.')}"
                for name in sorted(modelled_names(first))
            ),
            f"{budget.value:.3g} x" if budget else "",
        ]
        for number, exit_ in enumerate(first.exits)
    ]


def _share(mean: Mean | None) -> str:
    if mean is None:
        return ""
    return f"{mean.value:.2%}" + (f" ± {mean.half * 100:.2f}" if mean.half is not None else "")


def _cost(row: Row, number: Number, form: Callable[[float], str], *, timed: bool = False) -> str:
    mean, ratio = row.mean(number), row.ratio(number, timed=timed)
    if mean is None or (timed and row.machine is None):
        return ""
    return form(mean.value) + (f" ({ratio:.2f} x)" if ratio is not None else "")
