"""Markdown pages, one for each board."""

from __future__ import annotations

from collections.abc import Callable

from bench.boards.board import Board, Line
from bench.boards.cells import Table, cost, percent, plain, times
from bench.boards.markup import computed, table, text
from bench.boards.numbers import LOSSLESS, SHARES, Number, cut_packed, cut_reading, reading
from bench.boards.policies import NOTE as POLICIES_NOTE
from bench.boards.rows import Row, cut_means
from bench.boards.units import big, digits, in_bytes
from bench.errors import counted
from bench.records.record import BATCHES, Record

NOTES = (
    "Means over seeds with 95% intervals (Student's t). Ratios in brackets: how many times less than the dense parent.",
    "Fewer than three seeds have no rank. MACs: 1 MAC = 2 FLOPs; *effective* counts weights that exist.",
    "Latency: batch 1, really executed, of the seeds that were timed on one machine, that with the most, and compared "
    "only on it. Payload: the fewest bytes at an inner cut whose codec costs at most one point of accuracy.",
)
LAST_HEADS = (
    "rank", "model", "exits plan", "seeds", "top-1", "top-5", "effective MACs", "packed", "latency", "payload",
    "energy, measured", "energy, modelled", "budget", "training MACs", "training time",
)  # fmt: skip
EXIT_HEADS = (
    "model", "exits plan", "exit", "top-1", "MACs", "effective MACs", "packed", "latency", "weights", "on a path",
    "overthinking", "underthinking", "temperature", "calibration error", "with the temperature",
)  # fmt: skip
CUT_HEADS = (
    "model", "exits plan", "cut", "MACs on the device", "packed on the device", "weights", "payload", "top-1 behind it",
)  # fmt: skip


def page(board: Board) -> str:
    """One page: last exits, methods by density, every exit, policies, cuts, references, contested records."""
    records = sum(len(row.records) for row in board.rows)
    lines = [
        f"# {text(board.title)}",
        "",
        f"{counted(len(board.lines), 'model')}, {counted(records, 'record')}, {board.seconds / 3600:.2f} hours of work on "
        f"{text(' and '.join(board.machines))}.",
        "",
        *NOTES,
        computed(Record),
        "",
        "## Last exits",
        "",
        *table(LAST_HEADS, map(_last, board.lines)),
    ]
    for words in board.tables:
        lines += _shown(words)
    lines += [
        "",
        "## Every exit",
        "",
        *table(EXIT_HEADS, (cells for line in board.lines for cells in _exits(line))),
    ]
    lines += _policies(board)
    lines += [
        "",
        "## Every device's part",
        "",
        *table(CUT_HEADS, (cells for row in board.rows for cells in _cuts(row))),
    ]
    if references := [(line.row, one) for line in board.lines for one in line.references]:
        cells = (
            [
                text(f"{row.setup.backbone.label}, {row.plan}"),
                one.name,
                percent(one.accuracy),
                big(one.device_macs.value),
                in_bytes(one.payload.value),
            ]
            for row, one in references
        )
        heads = ("dense network", "reference", "top-1", "MACs on the device", "payload")
        lines += ["", "## References", "", *table(heads, cells)]
    if costly := [row for row in board.rows if row.costly]:
        lines += ["", "## MACs that leave something out", ""]
        lines += [f"* {text(row.setup.model)}: {text(', '.join(row.costly))}" for row in costly]
    if reasons := [(row, reason) for row in board.rows for reason in row.reasons]:
        lines += ["", "## Contested", ""]
        lines += [f"* {text(row.setup.model_at_density)}, {text(reason)}" for row, reason in reasons]
    return "\n".join(lines) + "\n"


def _last(line: Line) -> list[str]:
    row, last = line.row, line.last
    budget, longer = row.mean(lambda record: record.budget), last["overhead"].mean
    models = sorted(key for key in last if key.startswith("energy."))
    return [
        "-" if line.rank is None else str(line.rank),
        text(row.setup.model_at_density),
        text(row.plan),
        str(row.seeds) + (" (contested)" if row.reasons else ""),
        *(
            last[key].words
            for key in ("top1", "top5", "macs.effective", "bytes", "latency", "payload", "energy")
        ),
        ", ".join(f"{last[key].words} {text(line.axes[key].head)}" for key in models),
        f"{digits(budget.value)} x" if budget else "",
        last["training"].words,
        f"{longer.value:.2f} x" if longer else "",
    ]


def _exits(line: Line) -> list[list[str]]:
    row = line.row
    return [
        [
            text(row.setup.model_at_density),
            text(row.plan),
            f"{number} (stage {exit_.stage})",
            *(values[key].words for key in ("top1", "macs", "macs.effective", "bytes", "latency")),
            *(plain(row.mean(reading(number, name))) for name in ("density", "density.effective")),
            *(plain(row.mean(reading(number, name))) for name in ("overthinking", "underthinking")),
            digits(hot.value) if (hot := row.mean(reading(number, "temperature"))) else "",
            *(plain(row.mean(reading(number, name))) for name in ("ece", "ece.scaled")),
        ]
        for number, (exit_, values) in enumerate(
            zip(row.records[0].exits if row.records else (), line.exits, strict=True)
        )
    ]


def _cuts(row: Row) -> list[list[str]]:
    """The cells of inner cuts, with the smallest payload of a codec that loses at most `LOSSLESS`."""
    whole, cells = row.mean(reading(-1, "top1")), []
    for number in range(1, len(row.records[0].cuts) - 1 if row.records else 0):
        able = [
            (codec, sent)
            for codec, sent in cut_means(row.alike, number).items()
            if whole is not None and sent.top1.value >= whole.value - LOSSLESS
        ]
        codec, sent = min(
            able, key=lambda one: (one[1].payload.value, -one[1].top1.value), default=("", None)
        )
        cells.append(
            [
                text(row.setup.model_at_density),
                text(row.plan),
                str(number),
                _cost(row, cut_reading(number, "macs.effective.device"), big),
                _cost(row, cut_packed(number), in_bytes),
                plain(row.mean(cut_reading(number, "density.device"))),
                f"{in_bytes(sent.payload.value)} {text(codec)}" if sent else "",
                percent(sent.top1) if sent else "",
            ]
        )
    return cells


def _cost(row: Row, number: Number, form: Callable[[float], str]) -> str:
    return cost(row.mean(number), form, row.ratio(number), len(row.records))


def _policies(board: Board) -> list[str]:
    """The lines of the section on policies: every policy of every network that has early exits."""
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
            text(line.row.setup.model_at_density),
            text(line.row.plan),
            text(one.policy) + (" (sees labels)" if one.reference else ""),
            *(percent(mean) if mean else "" for mean in (*one.at, one.area)),
            f"{one.exit.value:.2f}" if one.exit else "",
            percent(one.shipped) if one.shipped else "",
            *(times(mean.value if mean else None) for mean in (one.macs, *one.times)),
        ]
        for line in board.lines
        if line.row.records and len(line.row.records[0].exits) > 1
        for one in line.policies
    ]
    return ["", "## Policies", "", POLICIES_NOTE, "", *table(heads, rows)] if rows else []


def _shown(words: Table) -> list[str]:
    """The lines of a table of words, under its title and note."""
    rows = ([text(cell) for cell in cells] for cells in words.rows)
    return ["", f"## {words.title}", "", text(words.note), "", *table(words.heads, rows)]
