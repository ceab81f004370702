"""Pages of online policies: the tables and notes of both forms of a page, and the Markdown one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.boards.cells import Cell, percent
from bench.boards.markup import Chapter, computed, contested_files, table, text
from bench.boards.streams.claims import claims
from bench.boards.streams.read import StreamBoard, section_data
from bench.boards.streams.section import PolicyLine, Section
from bench.boards.units import short
from bench.errors import counted
from bench.records.mean import Mean
from bench.records.stream import StreamRecord

TITLE = "Online policies"
NOTES = (
    "Policies meet the samples one by one, without labels, and learn at which exit to keep the answer or send the sample on. "
    "How to read it: *cost* is what is booked for a sample, in λ, the cost of a layer; *less* is the share of it saved "
    "against (a), every layer and exit on the device, and (b), leaving at the first exit that is sure (alpha), negative "
    "where it costs more; *lost* is in points of accuracy, negative where more is right.",
    "Both baselines are always printed, because the papers' headline (more than half the cost saved, less than two points "
    "lost) is against (a) alone. Each table is held against what the papers claim, by means over seeds.",
    "Means over the networks' seeds, each a mean over reshufflings, with 95% intervals over seeds (Student's t). Policies are "
    "ranked by regret, reward that the best fixed arm would have had more; bounds see labels or the whole stream. Shown are the "
    "cheapest, the middle and the dearest cost of sending.",
)  # fmt: skip
HEADS = (
    "sending costs", "rank", "policy", "cost", "less than (a)", "less than (b)", "top-1", "lost against (a)",
    "lost against (b)", "sent on", "regret",
)  # fmt: skip
WORDS = ("policy",)
"""The columns that hold no numbers."""


def rows(section: Section) -> list[list[Cell]]:
    """The cells under `HEADS`, at the costs of sending that are shown."""
    return [_cells(line) for offload in section.shown for line in section.lines(offload)]


def _cells(line: PolicyLine) -> list[Cell]:
    numbers = line.numbers
    texts = {
        "cost": f"{numbers['cost'].value:.3f} λ" + _half(numbers["cost"], 1, 3),
        **{key: percent(numbers[key]) for key in ("less (a)", "less (b)", "accuracy")},
        **{
            key: f"{numbers[key].value * 100:z.2f}" + _half(numbers[key], 100, 2)
            for key in ("lost (a)", "lost (b)")
        },
        "sent": f"{numbers['sent'].value:.1%}",
        "regret": f"{numbers['regret'].value:z.0f}" + _half(numbers["regret"], 1, 0),
    }
    return [
        Cell(f"{line.offload:.4g} λ", value=line.offload),
        Cell("-" if line.rank is None else str(line.rank), value=line.rank),
        Cell(line.policy + (" (bound)" if line.kind == "bound" else "")),
        *(Cell(words, value=short(numbers[key].value)) for key, words in texts.items()),
    ]


def _half(mean: Mean, scale: float, digits: int) -> str:
    return "" if mean.half is None else f" ± {mean.half * scale:.{digits}f}"


def page(board: StreamBoard) -> str:
    """One Markdown page."""
    lines = [
        f"# {TITLE} on {board.name}",
        "",
        f"{counted(board.records, 'stream record')}, {counted(len(board.sections), 'table')}.",
    ]
    lines += ["", *NOTES, computed(StreamRecord)]
    for section in board.sections:
        lines += [
            "", f"## {text(section.title)}", "", text(section.about), "", *(f"* {text(claim)}" for claim in claims(section.every)), "",
            *table(HEADS, ([text(cell.text) for cell in cells] for cells in rows(section))),
        ]  # fmt: skip
    return "\n".join([*lines, *contested_files(board.contested)]) + "\n"


def chapter(boards: Mapping[str, StreamBoard]) -> Chapter | None:
    """The online policies as a chapter of index.html; None where no stream was recorded."""
    named_sections = [(name, section) for name, board in boards.items() for section in board.sections]
    values: dict[str, Any] = {
        "title": TITLE,
        "notes": [note.replace("*", "") for note in NOTES],
        "heads": [(head, head not in WORDS) for head in HEADS],
        "sections": [
            {
                "about": section.about,
                "claims": claims(section.every),
                "ranked": section.ranked,
                "rows": rows(section),
                "data": section_data(name, section),
            }
            for name, section in named_sections
        ],
        "contested": [
            (f"{name}: {model}", reason)
            for name, board in boards.items()
            for model, reason in board.contested
        ],
    }
    if not named_sections and not values["contested"]:
        return None
    data = {"streams": [one["data"] for one in values["sections"]]} if named_sections else {}
    return Chapter(StreamRecord.folder, Path(__file__).with_name("streams"), ("streams.js",), values, data)
