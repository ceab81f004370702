"""Pages of deployments: the tables and notes of both forms of a page, and the Markdown one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.boards.cells import Cell, percent
from bench.boards.deployments.read import DeploymentBoard, section_data
from bench.boards.deployments.section import LOST, PolicyLine, Section
from bench.boards.markup import Chapter, computed, contested_files, table, text
from bench.boards.units import in_bytes, joules, seconds, short
from bench.errors import counted
from bench.records.deployment import DeploymentRecord
from bench.records.mean import Mean

TITLE = "Deployments"
NOTES = (
    "Requests come to a device one by one. For each, a split policy chooses where the network is cut and through which codec the "
    "tensor there is sent; policies see no label and no later rate. Device, link and server each take one request after the other. "
    "The *time to the answer* runs from the request to its answer, all waiting included: its mean and its percentiles.",
    "Policies are ranked by the mean time, those that are right about at most "
    f"{LOST:.0%} fewer requests than the whole network on the device, and leave none without an answer. Bounds see labels or the "
    "future, of cuts and codecs alone: they never leave at an exit, and a policy that does may be faster. All rows of a table met the same link and the same two profiles, and what is modelled of them is named above it: no row "
    "with modelled times is ranked beside one with measured ones.",
    "*Compute* is the device's energy of computing, *radio* that of sending with the radio's time awake after it, both for a "
    "request. There is no number where nobody measured or named a power. *Own* is the share of requests that were sent, and that the "
    "device answered by its own exit, computed on the way, because the server's answer was not there at the deadline.",
)  # fmt: skip
HEADS = (
    "rank", "policy", "top-1", "mean", "50%", "95%", "99%", "late", "own", "never", "sent", "bytes", "compute", "radio",
)  # fmt: skip
WORDS = ("policy",)
"""The columns that hold no numbers."""


def rows(section: Section) -> list[list[Cell]]:
    """The cells under `HEADS`."""
    return [_cells(line, section.records[0].circumstances.deadline is not None) for line in section.lines]


def _cells(line: PolicyLine, has_deadline: bool) -> list[Cell]:
    numbers = line.numbers

    def time(key: str) -> Cell:
        mean = numbers.get(key)
        return (
            Cell("never", value=None)
            if mean is None
            else Cell(seconds(mean.value) + _half(mean), value=short(mean.value))
        )

    def energy(key: str) -> Cell:
        mean = numbers.get(key)
        return Cell("") if mean is None else Cell(joules(mean.value), value=short(mean.value))

    never, own = 1 - numbers["answered"].value, numbers["own"].value
    return [
        Cell("-" if line.rank is None else str(line.rank), value=line.rank),
        Cell(line.policy + (" (bound)" if line.bound else "")),
        Cell(percent(numbers["accuracy"]), value=short(numbers["accuracy"].value)),
        *(time(key) for key in ("mean", "50%", "95%", "99%")),
        Cell(f"{numbers['late'].value:.2%}", value=short(numbers["late"].value))
        if has_deadline
        else Cell(""),
        Cell(f"{own:.2%}", value=short(own)) if own else Cell(""),
        Cell(f"{never:.2%}", value=short(never)) if never else Cell(""),
        Cell(f"{numbers['sent'].value:.1%}", value=short(numbers["sent"].value)),
        Cell(
            "<1B" if 0 < numbers["bytes"].value < 1 else in_bytes(numbers["bytes"].value),
            value=short(numbers["bytes"].value),
        ),
        energy("compute"),
        energy("radio"),
    ]


def _half(mean: Mean) -> str:
    return "" if mean.half is None else f" ± {seconds(mean.half)}"


def page(board: DeploymentBoard) -> str:
    """One Markdown page."""
    lines = [
        f"# {TITLE} on {board.name}",
        "",
        f"{counted(board.records, 'deployment record')}, {counted(len(board.sections), 'table')}.",
    ]
    lines += ["", *NOTES, computed(DeploymentRecord)]
    for section in board.sections:
        lines += [
            "", f"## {text(section.title)}", "", text(section.about), "",
            *table(HEADS, ([text(cell.text) for cell in cells] for cells in rows(section))),
        ]  # fmt: skip
    return "\n".join([*lines, *contested_files(board.contested)]) + "\n"


def chapter(boards: Mapping[str, DeploymentBoard]) -> Chapter | None:
    """The deployments as a chapter of index.html; None where there is none."""
    named_sections = [(name, section) for name, board in boards.items() for section in board.sections]
    contested = [
        (f"{name}: {model}", reason) for name, board in boards.items() for model, reason in board.contested
    ]
    if not named_sections and not contested:
        return None
    parts = []
    for name, section in named_sections:
        cells = rows(section)
        used = [place for place in range(len(HEADS)) if any(row[place].text for row in cells)]
        parts.append({
            "about": section.about,
            "ranked": section.ranked,
            "heads": [(HEADS[place], HEADS[place] not in WORDS) for place in used],
            "rows": [[row[place] for place in used] for row in cells],
            "data": section_data(name, section),
        })  # fmt: skip
    values: dict[str, Any] = {
        "title": TITLE, "notes": [note.replace("*", "") for note in NOTES], "sections": parts, "contested": contested,
    }  # fmt: skip
    data = {"deployments": [one["data"] for one in parts]} if parts else {}
    return Chapter(
        DeploymentRecord.folder, Path(__file__).with_name("deployments"), ("deployments.js",), values, data
    )
