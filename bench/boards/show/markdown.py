"""Markdown pages, one a task and version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.boards.cells import Table, cost, filled, in_bytes, percent, plain, share, text, times
from bench.boards.families import side_by_side
from bench.boards.margin import within
from bench.boards.numbers import (
    LOSSLESS,
    cut_packed,
    cut_reading,
    modelled_names,
    overhead,
    packed,
    payload,
    reading,
    training_macs,
    work_seconds,
)
from bench.boards.policies import NOTE as POLICIES_NOTE
from bench.boards.policies import judged
from bench.boards.references import references
from bench.boards.rows import Row, cut_means, ranks, title_of
from bench.boards.show.policies import BATCHES, SHARES
from bench.boards.show.record import big, joules, seconds
from bench.errors import counted

COMPUTED = "Computed from `records/` by `make board`."
"""The line by which a board knows its own pages."""

NOTES = (
    "Means over seeds with 95% intervals (Student's t). Ratios in brackets: how many times less than the dense parent.",
    "Fewer than three seeds have no rank. MACs: 1 MAC = 2 FLOPs; *effective* counts weights that exist.",
    "Latency: batch 1, really executed, of the seeds that were timed on one machine, that with the most, and compared "
    "only on it. Payload: the fewest bytes at an inner cut whose codec costs at most one point of accuracy.",
)


def page(name: str, board: list[Row]) -> str:
    """One page: last exits, every exit, references, and what is contested and why."""
    records = [record for row in board for record in row.records]
    hours = sum(work_seconds(record) for record in records) / 3600
    machines = sorted({row.machine for row in board if row.machine})
    lines = [
        f"# {text(title_of(name, board))}",
        "",
        f"{counted(len(board), 'model')}, {counted(len(records), 'record')}, {hours:.2f} hours of work on {text(' and '.join(machines))}.",
        "",
        *NOTES,
        COMPUTED,
        "",
        "## Last exits",
        "",
        *_table(
            ("rank", "model", "exits plan", "seeds", "top-1", "top-5", "effective MACs", "packed", "latency", "payload", "energy, measured", "energy, modelled", "budget", "training MACs", "training time"),
            (_last(rank, row) for rank, row in zip(ranks(board), board, strict=True)),
        ),
        *_shown(side_by_side(board)),
        *_shown(within(board)),
        "",
        "## Every exit",
        "",
        *_table(
            ("model", "exits plan", "exit", "top-1", "MACs", "effective MACs", "packed", "latency", "weights", "on a path",
             "overthinking", "underthinking", "temperature", "calibration error", "with the temperature"),
            (cells for row in board for cells in _exits(row)),
        ),
        *_policies(board),
        "",
        "## Every device's part",
        "",
        *_table(
            ("model", "exits plan", "cut", "MACs on the device", "packed on the device", "weights", "payload", "top-1 behind it"),
            (cells for row in board for cells in _cuts(row)),
        ),
    ]  # fmt: skip
    if found := [(row, one) for row in board for one in references(row)]:
        lines += [
            "", "## References", "",
            *_table(
                ("dense network", "reference", "top-1", "MACs on the device", "payload"),
                (
                    [text(f"{row.setup.backbone.spec}, {row.plan}"), one.name, percent(one.accuracy),
                     big(one.device_macs.value), f"{big(one.payload.value)}B"]
                    for row, one in found
                ),
            ),
        ]  # fmt: skip
    if reasons := [(row, reason) for row in board for reason in row.reasons]:
        lines += ["", "## Contested", ""]
        lines += [f"* {text(row.setup.model)}, {text(reason)}" for row, reason in reasons]
    return "\n".join(lines) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table without the columns that nobody has a number for."""
    heads, found = filled(heads, rows)
    lines = (" | ".join(cells) for cells in found)
    return [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *(f"| {line} |" for line in lines)]


def _last(rank: int | None, row: Row) -> list[str]:
    setup, budget, longer = row.setup, row.mean(lambda record: record.budget), row.mean(overhead)
    return [
        "-" if rank is None else str(rank),
        text(setup.model),
        text(row.plan),
        str(row.seeds) + (" (contested)" if row.reasons else ""),
        share(row, reading(-1, "top1")),
        share(row, reading(-1, "top5")),
        cost(row, reading(-1, "macs.effective"), big),
        cost(row, packed(-1), in_bytes),
        cost(row, reading(-1, "latency"), seconds, timed=True, in_turn=reading(-1, "speedup")),
        cost(row, payload, in_bytes),
        cost(row, reading(-1, "energy"), joules, timed=True),
        ", ".join(
            f"{cost(row, reading(-1, name), joules)} {text(name.removeprefix('energy.'))}"
            for name in sorted({name for record in row.records[:1] for name in modelled_names(record)})
        ),
        f"{budget.value:.3g} x" if budget else "",
        cost(row, training_macs, big),
        f"{longer.value:.2f} x" if longer else "",
    ]


def _exits(row: Row) -> list[list[str]]:
    return [
        [
            text(row.setup.model),
            text(row.plan),
            f"{number} (stage {exit_.stage})",
            share(row, reading(number, "top1")),
            cost(row, reading(number, "macs"), big),
            cost(row, reading(number, "macs.effective"), big),
            cost(row, packed(number), in_bytes),
            cost(row, reading(number, "latency"), seconds, timed=True, in_turn=reading(number, "speedup")),
            plain(row, reading(number, "density")),
            plain(row, reading(number, "density.effective")),
            *(plain(row, reading(number, name)) for name in ("overthinking", "underthinking")),
            f"{hot.value:.3g}" if (hot := row.mean(reading(number, "temperature"))) else "",
            *(plain(row, reading(number, name)) for name in ("ece", "ece.scaled")),
        ]
        for number, exit_ in enumerate(row.records[0].exits if row.records else ())
    ]


def _cuts(row: Row) -> list[list[str]]:
    """Inner cuts, with the codec that sends least among those that lose no more than `LOSSLESS`."""
    whole, found = row.mean(reading(-1, "top1")), []
    for number in range(1, len(row.records[0].cuts) - 1 if row.records else 0):
        sent = cut_means(row, number)
        able = [one for one in sent if whole is not None and one[1].value >= whole.value - LOSSLESS]
        raw, top1, codec = min(able, key=lambda one: one[0].value, default=(None, None, ""))
        found.append(
            [
                text(row.setup.model),
                text(row.plan),
                str(number),
                cost(row, cut_reading(number, "macs.effective.device"), big),
                cost(row, cut_packed(number), in_bytes),
                plain(row, cut_reading(number, "density.device")),
                f"{in_bytes(raw.value)} {text(codec)}" if raw else "",
                percent(top1) if top1 else "",
            ]
        )
    return found


def _policies(board: list[Row]) -> list[str]:
    """Every policy of every network that has early exits."""
    heads = (
        "model",
        "exits plan",
        "policy",
        *(f"at {share:.0%}" for share in SHARES),
        "area",
        "mean exit at 50%",
        "shipped",
        "MACs",
        *(f"time, batch {batch}" for batch in BATCHES),
    )
    rows = [
        [
            text(row.setup.model),
            text(row.plan),
            text(one.policy) + (" (sees labels)" if one.reference else ""),
            *(percent(mean) if mean else "" for mean in (*one.at, one.area)),
            f"{one.exit.value:.2f}" if one.exit else "",
            percent(one.shipped) if one.shipped else "",
            *(times(mean.value if mean else None) for mean in (one.macs, *one.times)),
        ]
        for row in board
        if row.records and len(row.records[0].exits) > 1
        for one in judged(row)
    ]
    return ["", "## Policies", "", POLICIES_NOTE, "", *_table(heads, rows)] if rows else []


def _shown(table: Table | None) -> list[str]:
    """A table of text under its title."""
    if table is None or not table.rows:
        return []
    rows = ([text(cell) for cell in cells] for cells in table.rows)
    return ["", f"## {table.title}", "", text(table.note), "", *_table(table.heads, rows)]
