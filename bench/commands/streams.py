"""What show and verify do with a stream record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.commands.options import out
from bench.errors import SeesawError

if TYPE_CHECKING:
    from bench.boards.streams.section import Section
    from bench.records.stream import StreamRecord


def show(path: Path, found: StreamRecord) -> None:
    """Print a stream record as boards show it, and the runs and the code that it was made from."""
    from bench.boards.streams.claims import claims
    from bench.boards.streams.read import sections
    from bench.records.checks.against_runs import contradictions
    from bench.records.checks.stream import faults
    from bench.records.store import contested

    table = Table(box=None, show_header=False, padding=(0, 2))
    for part in found.parts:
        table.add_row("run", f"{part.setup.task.spec}, {part.setup.model}, {part.digest}, seed {found.seed}")
    table.add_row("versions", ", ".join(f"{key} {value}" for key, value in sorted(found.versions.items())))
    table.add_row("commit", f"{found.commit or 'unknown'}{' and changes' if found.dirty else ''}")
    out.print(table)
    wrong = faults(found)
    for section in [] if wrong else sections([found]):  # numbers that contradict each other make no table
        out.print(section.title, style="bold", soft_wrap=True)
        out.print(_table(section))
        for sentence in (section.about, *claims(section.every)):
            out.print(sentence, soft_wrap=True)
    records = path.resolve().parent.parent.parent.parent / "records"
    if why := contested(path, wrong or contradictions(found, records)):
        out.print(f"Not to be believed: {why}", style="red", soft_wrap=True)
    out.print(f"stream record: {path}", soft_wrap=True)


def _table(section: Section) -> Table:
    """A section's rows; one seed has no rank."""
    from bench.boards.streams.page import HEADS, WORDS, rows

    table = Table(box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    shown = [place for place, head in enumerate(HEADS) if head != "rank"]
    longest = max(len(cells[HEADS.index("policy")].text) for cells in rows(section))
    for head in (HEADS[place] for place in shown):
        if head in WORDS:
            table.add_column(head, overflow="fold", min_width=min(longest, 30))
        else:
            table.add_column(head.replace(" ", "\n"), justify="right", no_wrap=True)
    for cells in rows(section):
        table.add_row(*(cells[place].text for place in shown))
    return table


def verify(path: Path, found: StreamRecord, records: Path) -> None:
    """Hold a stream record against itself and the records of its runs.

    Raises:
        SeesawError: something is wrong with it.
    """
    from bench.records.checks.against_runs import contradictions
    from bench.records.checks.stream import faults
    from bench.records.store import contested
    from bench.records.stream import streams_of

    folder = streams_of(records)
    inside = path.resolve().is_relative_to(folder.resolve())
    wrong = faults(found, *((path, folder) if inside else ())) or contradictions(found, records)
    for sentence in wrong:
        out.print(f"- {sentence}", style="red", soft_wrap=True)
    if wrong:
        raise SeesawError(f"{path} is not to be believed. Replay it again, or ask who made it.")
    out.print("Schema, digest, checksum, derived numbers and the records of its runs hold.")
    if why := contested(path, []):
        out.print(f"A maintainer contests it: {why}", style="yellow", soft_wrap=True)


def replay_again(
    path: Path, found: StreamRecord, records: Path, runs: Path, threads: int | None = None
) -> None:
    """Replay a sound stream record from the traces of its runs, and compare the numbers.

    Raises:
        SeesawError: its traces are not there, or a number differs.
    """
    from bench.machine import settle
    from bench.replay.streams.rerun import again, others, traces_of

    traces = traces_of(found, runs)
    if missing := next((trace for trace in traces if not trace.is_file()), None):
        raise SeesawError(
            f"A stream is replayed from its network's trace, and there is no {missing}. Run the network again (seesaw run), "
            "or name the folder where it was run: --runs."
        )
    settle(threads, deterministic=False)
    with out.status("Replaying ..."):
        compared, differ = others(found, again(found, traces, records, threads))
    if not differ:
        out.print(
            f"Replayed from {' and '.join(map(str, traces))}, all {compared:,} numbers are the same.",
            soft_wrap=True,
        )
        return
    table = Table("number", "told", "found", title="the first of each that differs", box=SIMPLE_HEAD)
    for one in differ:
        table.add_row(
            one.name, *("-" if value is None else f"{value:.9g}" for value in (one.told, one.found))
        )
    out.print(table)
    raise SeesawError(
        f"Replayed, {len(differ)} of its lists of numbers differ from {path}. Compare versions with `seesaw show`, "
        "and ask who made it."
    )
