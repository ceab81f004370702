"""Markdown pages, one for each board."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.boards.axes import SPIKING
from bench.boards.board import Board, Field, Line
from bench.boards.cells import Table, cost, percent, plain, times
from bench.boards.curves import SHARES
from bench.boards.findings import CAVEAT, signed
from bench.boards.markup import computed, contested_files, table, text
from bench.boards.numbers import LOSSLESS, Number, cut_packed, cut_reading, reading, times_trained
from bench.boards.policies import NOTE as POLICIES_NOTE
from bench.boards.rates import HEADS as RATE_HEADS
from bench.boards.rates import NOTE as RATES_NOTE
from bench.boards.references import references
from bench.boards.rows import Row, cut_means
from bench.boards.superseded import superseded
from bench.boards.units import big, digits, in_bytes
from bench.errors import counted
from bench.records.record import BATCHES, Record
from bench.records.setup import DENSE

NOTES = (
    "Means over seeds with 95% intervals (Student's t). Ratios in brackets: how many times less than the dense parent.",
    "Rows of one group cannot be told from its first one by pairs of seeds; fewer than three seeds have no group. Rows are compared "
    "within one training recipe and one machine. MACs: 1 MAC = 2 FLOPs; *effective* counts weights that exist.",
    "Latency: batch 1, really executed. Payload: the fewest bytes at an inner cut whose codec costs at most one point of accuracy. "
    "Budget: steps trained, over the recipe's.",
)
FIRST = 20
"""Rows that a page begins with; the rest of a table is folded."""
LAST_HEADS = (
    "group", "model", "exits plan", "seeds", "top-1", "against dense", "top-5", "effective MACs", "packed", "latency", "payload",
    "energy, measured", "energy, modelled", "budget", "against dense of that budget", "training MACs", "training time",
)  # fmt: skip
EXIT_HEADS = (
    "model", "exits plan", "exit", "top-1", "MACs", "effective MACs", "packed", "latency", "weights", "on a path",
    "overthinking", "underthinking", "temperature", "calibration error", "with the temperature",
)  # fmt: skip
CUT_HEADS = (
    "model", "exits plan", "cut", "MACs on the device", "packed on the device", "weights", "payload", "top-1 behind it",
)  # fmt: skip


def page(board: Board) -> str:
    """One page: findings and first rows, and folded below them methods by density, exits, policies, cuts, references."""
    lines = [
        f"# {text(board.title)}",
        "",
        f"{counted(len(board.trainings), 'model')}, {counted(len(board.records), 'record')}, {board.seconds / 3600:.2f} hours of "
        f"work on {text(' and '.join(board.machines))}.",
        "",
        *NOTES,
        computed(Record),
    ]
    for field in board.fields:
        lines += _field(field)
    for words in board.tables:
        lines += _shown(words)
    lines += ["", "## Every exit"]
    for field in board.fields:
        rows = [cells for line in field.lines for cells in _exits(line)]
        lines += _folded(text(field.peers.name), EXIT_HEADS, rows)
    lines += _policies(board)
    cuts = [cells for row in board.trainings for cells in _cuts(row)]
    lines += ["", "## Every device's part", *_folded("Every inner cut", CUT_HEADS, cuts)]
    lines += _rates(board)
    lines += _references(board)
    if costly := [row for row in board.trainings if row.costly]:
        lines += ["", "## MACs that leave something out", ""]
        lines += [f"* {text(row.setup.model)}: {text(', '.join(row.costly))}" for row in costly]
    if (old := superseded(board.rows)) is not None:
        lines += _shown(old)
    return "\n".join([*lines, *contested_files(board.contested)]) + "\n"


def prepare(board: Board) -> None:
    """Compute what a page shows of each row by itself, which the row keeps."""
    for line in board.lines:
        for of_line in (_last, _exits, _curves, _rate_lines):
            of_line(line)
    for row in board.trainings:
        for of_row in (_cuts, _reference_points):
            of_row(row)


def _field(field: Field) -> list[str]:
    """What was found in a field, and its rows, those behind the first ones folded."""
    spiking = [axis for axis in SPIKING.values() if any(axis.value(line.row).mean for line in field.lines)]
    rows = [
        [
            "-" if line.group is None else str(line.group),
            *_last(line),
            *(axis.value(line.row).words for axis in spiking),
        ]
        for line in field.lines
    ]
    heads = (*LAST_HEADS, *(axis.head for axis in spiking))
    lines = ["", f"## {text(field.peers.name)}", "", *(f"* {text(finding)}" for finding in field.findings)]
    lines += ["", text(CAVEAT)] if field.findings else []
    lines += ["", *table(heads, rows[:FIRST])]
    return lines + _folded(f"{counted(len(rows[FIRST:]), 'more row')}", heads, rows[FIRST:])


def _folded(summary: str, heads: Sequence[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table that is opened by a click; none without rows."""
    if not rows:
        return []
    return ["", f"<details><summary>{summary}</summary>", "", *table(heads, rows), "", "</details>"]


def _rates(board: Board) -> list[str]:
    """The lines of the section on rate curves; none where no network's codecs make any."""
    lines = [words for line in board.lines for words in _rate_lines(line)]
    return ["", "## Bytes and accuracy at cuts", "", RATES_NOTE, *lines] if lines else []


def _rate_lines(line: Line) -> list[str]:
    """The lines of one network's rate curves; none where its codecs make none."""
    return line.row.once("rates in Markdown", lambda: _rate_lines_of(line))


def _rate_lines_of(line: Line) -> list[str]:
    if line.rates.is_empty:
        return []
    answers = [f"* {text(answer)}" for answer in line.rates.answers()]
    rows = [[text(cell.text) for cell in cells] for cells in line.rates.rows()]
    title = f"### {text(line.row.setup.model_at_density)}, {text(line.row.plan)}"
    return ["", title, "", *answers, *_folded(counted(len(rows), "curve"), RATE_HEADS, rows)]


def _references(board: Board) -> list[str]:
    cells = [cells for row in board.trainings for cells in _reference_points(row)]
    heads = ("dense network", "reference", "top-1", "MACs on the device", "payload")
    return (
        [
            "",
            "## References",
            *_folded("Dense networks on the device, on the server, and between", heads, cells),
        ]
        if cells
        else []
    )


def _reference_points(row: Row) -> list[list[str]]:
    """The cells of a dense network's reference points; none of another's."""
    return row.once("references in Markdown", lambda: _reference_points_of(row))


def _reference_points_of(row: Row) -> list[list[str]]:
    return [
        [
            text(f"{row.setup.backbone.label}, {row.plan}"),
            one.name,
            percent(one.accuracy),
            big(one.device_macs.value),
            in_bytes(one.payload.value),
        ]
        for one in references(row)
    ]


def _last(line: Line) -> list[str]:
    """The cells of a network's last exit, without its group, which hangs on the rows beside it."""
    return line.row.once("last exit in Markdown", lambda: _last_of(line))


def _last_of(line: Line) -> list[str]:
    row, last = line.row, line.last
    loss = row.against(row.parents) if row.setup.method.name != DENSE else None
    beside = row.against(row.longer)
    budget, longer = row.mean(times_trained), last["overhead"].mean
    models = sorted(key for key in last if key.startswith("energy."))
    return [
        text(row.setup.model_at_density),
        text(row.plan),
        str(row.seeds) + (" (contested)" if row.reasons else ""),
        last["top1"].words,
        signed(loss) if loss else "",
        *(last[key].words for key in ("top5", "macs.effective", "bytes", "latency", "payload", "energy")),
        ", ".join(f"{last[key].words} {text(line.axes[key].head)}" for key in models),
        f"{digits(budget.value)} x" if budget else "",
        signed(beside) if beside else "",
        last["training"].words,
        f"{longer.value:.2f} x" if longer else "",
    ]


def _exits(line: Line) -> list[list[str]]:
    """The cells of a network's exits."""
    return line.row.once("exits in Markdown", lambda: _exits_of(line))


def _exits_of(line: Line) -> list[list[str]]:
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
    return row.once("cuts in Markdown", lambda: _cuts_of(row))


def _cuts_of(row: Row) -> list[list[str]]:
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
    lines = [
        folded
        for field in board.fields
        for folded in _folded(
            text(field.peers.name),
            heads,
            [cells for line in field.lines for cells in _curves(line)],
        )
    ]
    return ["", "## Policies", "", POLICIES_NOTE, *lines] if lines else []


def _curves(line: Line) -> list[list[str]]:
    """The cells of a network's policies; none where it has no early exits."""
    return line.row.once("policies in Markdown", lambda: _curves_of(line))


def _curves_of(line: Line) -> list[list[str]]:
    if not line.row.records or len(line.row.records[0].exits) < 2:
        return []
    return [
        [
            text(line.row.setup.model_at_density),
            text(line.row.plan),
            text(one.policy) + (" (sees labels)" if one.reference else ""),
            *(percent(mean) if mean else "" for mean in (*one.at, one.area)),
            f"{one.exit.value:.2f}" if one.exit else "",
            percent(one.shipped) if one.shipped else "",
            *(times(mean.value if mean else None) for mean in (one.macs, *one.times)),
        ]
        for one in line.policies
    ]


def _shown(words: Table) -> list[str]:
    """The lines of a table of words, under its title and note, folded where it is long."""
    rows = [[text(cell) for cell in cells] for cells in words.rows]
    return [
        "",
        f"## {words.title}",
        "",
        text(words.note),
        *_folded(counted(len(rows), "row"), words.heads, rows),
    ]
