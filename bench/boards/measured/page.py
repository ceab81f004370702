"""Pages of measured deployments: the tables and notes of both forms of a page, and the Markdown one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.boards.cells import filled
from bench.boards.markup import Chapter, computed, contested_files, table, text
from bench.boards.measured.read import MeasuredBoard, Section, network_of
from bench.boards.units import in_bytes, seconds
from bench.errors import counted
from bench.records.answers import EXIT, FALLBACK, HALVES, NEVER, SERVER
from bench.records.measured import MeasuredDeployment

TITLE = "Deployments, measured"
GOALS = {50: 0.15, 95: 0.25}
"""By percentile, the share by which a prediction may be off."""
NOTES = (
    "Requests that a device, a link and a server really answered, as processes of one machine, beside what replay computes for the "
    "same requests. Nothing here is ranked, and nothing of it stands on the boards of deployments, whose times are computed. The *time "
    "to the answer* runs from the moment at which a request was due; a percentile is the smallest time that so many requests reach.",
    "Before an arrow stands what was predicted, behind it what was measured; a *ratio* is measured over predicted. *Within* says whether "
    f"the median is off by at most {GOALS[50]:.0%} and the 95th percentile by at most {GOALS[95]:.0%}. *As predicted* is the share of requests "
    "whose answer is right, or wrong, as predicted. *Others* are the cores that other programs took meanwhile, on the mean: a `~` marks a "
    "row that they disturbed.",
)  # fmt: skip
HEADS = (
    "network", "link", "cut", "requests", "50%", "ratio", "95%", "ratio", "within", "top-1", "as predicted", "by exits", "by the server",
    "by fallback", "never", "bytes", "others",
)  # fmt: skip
NAMES = ("network", "link", "cut", "within")
"""The columns that hold no numbers."""


def rows(section: Section) -> list[list[str]]:
    """The cells under `HEADS`."""
    return [cells(record) for record in section.records]


def cells(record: MeasuredDeployment) -> list[str]:
    """One record's cells under `HEADS`."""
    n = record.requests
    shares = [record.measured.share(place) for place in (EXIT, SERVER, FALLBACK, NEVER)]
    right = [f"{record.totals[half].right / n:.2%}" for half in HALVES]
    return [
        f"{'~ ' if record.disturbed else ''}{network_of(record)}, seed {record.seed}",
        record.way.channel.label,
        f"{record.arm.cut}, {record.arm.codec}",
        f"{n:,}, {record.asked.rate:g} a second",
        *_pair(record, 50),
        *_pair(record, 95),
        "yes" if within(record) else "no",
        " → ".join(right),
        f"{record.as_predicted:.2%}",
        *(f"{one:.1%}" if one else "" for one in shares),
        in_bytes(record.totals["measured"].bytes / n),
        "unknown" if record.others is None else f"{record.others:.2f}",
    ]


def within(record: MeasuredDeployment) -> bool:
    """Whether both percentiles are as near as they should be."""
    pairs = [(goal, *record.percentile(percent)) for percent, goal in GOALS.items()]
    return all(
        predicted is not None and measured is not None and abs(measured / predicted - 1) <= goal
        for goal, predicted, measured in pairs
    )


def _pair(record: MeasuredDeployment, percent: int) -> list[str]:
    """A percentile, predicted and measured, and the ratio of these."""
    predicted, measured = record.percentile(percent)
    times = " → ".join("never" if one is None else seconds(one) for one in (predicted, measured))
    return [times, f"{measured / predicted:.3f}" if predicted and measured is not None else ""]


def page(board: MeasuredBoard) -> str:
    """One Markdown page."""
    lines = [
        f"# {TITLE}, on {board.name}",
        "",
        f"{counted(board.records, 'measured deployment')}.",
        "",
        *NOTES,
    ]
    lines += [computed(MeasuredDeployment)]
    for section in board.sections:
        lines += ["", f"## {text(section.title)}", ""]
        lines += table(HEADS, (list(map(text, some)) for some in rows(section)))
    return "\n".join([*lines, *contested_files(board.contested)]) + "\n"


def chapter(boards: Mapping[str, MeasuredBoard]) -> Chapter | None:
    """The measured deployments as a chapter of index.html; None where there is none."""
    named = [(name, section) for name, board in boards.items() for section in board.sections]
    contested = [
        (f"{name}: {model}", reason) for name, board in boards.items() for model, reason in board.contested
    ]
    if not named and not contested:
        return None
    parts = []
    for name, section in named:
        heads, texts = filled(HEADS, rows(section))
        parts.append({
            "title": f"{name}: {section.title}",
            "heads": [(head, head not in NAMES) for head in heads],
            "rows": texts,
        })  # fmt: skip
    values: dict[str, Any] = {
        "title": TITLE, "notes": [note.replace("*", "").replace("`", "") for note in NOTES], "sections": parts, "contested": contested,
    }  # fmt: skip
    return Chapter(MeasuredDeployment.folder, Path(__file__).with_name("measured"), (), values, {})
