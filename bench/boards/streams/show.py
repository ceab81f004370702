"""A stream record in the terminal, in the form of its board."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.boards.streams.claims import claims
from bench.boards.streams.page import HEADS, WORDS, rows
from bench.boards.streams.read import sections
from bench.boards.streams.section import Section
from bench.records.store import Store
from bench.records.stream import StreamRecord


def shown(stream: StreamRecord, store: Store) -> Iterator[tuple[Table | str, str | None]]:
    """Its runs, and its sections as tables, each with the papers' claims; none where its numbers contradict each other."""
    yield _about(stream), None
    for section in [] if stream.faults() else sections([stream]):
        yield section.title, "bold"
        yield _table(section), None
        for sentence in (section.about, *claims(section.every)):
            yield sentence, None


PARTS: dict[str, Any] = {}


def _about(stream: StreamRecord) -> Table:
    """The runs, the versions and the commit that it was made from."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    for part in stream.parts:
        table.add_row(
            "run",
            f"{part.setup.task.label}, {part.setup.model_at_density}, {part.digest}, seed {stream.seed}",
        )
    table.add_row("versions", ", ".join(f"{key} {value}" for key, value in sorted(stream.versions.items())))
    table.add_row("commit", f"{stream.commit or 'unknown'}{' and changes' if stream.dirty else ''}")
    return table


def _table(section: Section) -> Table:
    """A section's rows; one seed has no rank."""
    table = Table(box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    columns = [place for place, head in enumerate(HEADS) if head != "rank"]
    longest = max(len(cells[HEADS.index("policy")].text) for cells in rows(section))
    for head in (HEADS[place] for place in columns):
        if head in WORDS:
            table.add_column(head, overflow="fold", min_width=min(longest, 30))
        else:
            table.add_column(head.replace(" ", "\n"), justify="right", no_wrap=True)
    for cells in rows(section):
        table.add_row(*(cells[place].text for place in columns))
    return table
