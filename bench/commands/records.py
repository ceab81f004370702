"""seesaw show, diff and verify: what a record says, how two differ, whether one can be believed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.commands import options, streams
from bench.commands.options import out
from bench.errors import SeesawError

if TYPE_CHECKING:
    from bench.records.record import Record
    from bench.records.stream import StreamRecord

RecordPath = Annotated[Path, typer.Argument(help="path of a record, or of a stream record")]


def show(record: RecordPath, debug: options.Debug = False) -> None:
    """Print a record: its tables, its settings, and the machine it was made on.

    A stream record (`seesaw replay --record`) is shown as boards show it.
    """
    from bench.commands.run import show_record
    from bench.records.checks.run import faults
    from bench.records.store import contested
    from bench.records.stream import StreamRecord, either
    from bench.runs.request import dense_of

    found = either(record)
    if isinstance(found, StreamRecord):
        streams.show(record, found)
        return
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, value in {
        "task": f"{found.setup.task.spec}, version {found.setup.task_version}",
        "model": found.setup.model,
        "seed": found.seed,
        "recipe": ", ".join(f"{key} {value}" for key, value in sorted(found.setup.recipe.items())),
        "machine": ", ".join(f"{key} {value}" for key, value in found.machine.items()),
        "versions": ", ".join(f"{key} {value}" for key, value in found.versions.items()),
        "commit": f"{found.commit or 'unknown'}{' and changes' if found.dirty else ''}",
        "created": f"{found.created}, in {sum(found.seconds.values()):.0f} s",
    }.items():
        table.add_row(name, str(value))
    out.print(table)
    show_record(record, dense_of(found.setup, found.seed, record.resolve().parent.parent.parent))
    if why := contested(record, faults(found)):
        out.print(f"Not to be believed: {why}", style="red", soft_wrap=True)


def diff(one: RecordPath, other: RecordPath, debug: options.Debug = False) -> None:
    """Show what differs between two records: settings, machine, versions and numbers."""
    from bench.records.compare import differences
    from bench.records.stream import either

    first, second = either(one), either(other)
    if type(first) is not type(second):
        raise SeesawError(
            f"{one} is a {first.title} and {other} a {second.title}. Give two records of runs, or two of streams."
        )
    told, come = (_told(found) for found in (first, second))
    table = _table("settings, machine and versions that differ", "", "first", "second")
    for name, a, b in differences(told[0], come[0]):
        table.add_row(name, str(a), str(b))
    out.print(table if table.row_count else "Settings, machine and versions are the same.")
    numbers = _table("numbers that differ", "number", "first", "second", "second / first")
    here, there = told[1], come[1]
    for name in here | there:
        a, b = here.get(name), there.get(name)
        if a != b:
            ratio = f"{b / a:.4g}" if a and b is not None else "-"
            numbers.add_row(name, *("-" if one is None else f"{one:.6g}" for one in (a, b)), ratio)
    out.print(numbers if numbers.row_count else "All numbers are the same.")


def _told(found: Record | StreamRecord) -> tuple[dict[str, Any], dict[str, float]]:
    """What a record says beside its numbers, and its numbers by name."""
    from bench.records import compare as beside
    from bench.records import compare_streams as streams_beside
    from bench.records.stream import StreamRecord

    if isinstance(found, StreamRecord):
        return streams_beside.settings(found), streams_beside.means(found)
    return beside.settings(found), _numbers(found)


def _numbers(record: Record) -> dict[str, float]:
    """Every number of a record by its name, readings with their units."""
    from bench.records.checks.run import places
    from bench.records.compare import counts

    found = {
        f"{place}: {name}, {one.unit}": one.value
        for place, readings in places(record)
        for name, one in readings.items()
    }
    return found | dict(counts(record))


def verify(
    record: RecordPath,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="also run it again, and compare the numbers")
    ] = False,
    records: options.Records = options.RECORDS,
    runs: options.Runs = options.RUNS,
    data: options.DataSets = options.DATA,
    threads: options.Threads = None,
    debug: options.Debug = False,
) -> None:
    """Check a record: schema, digest, checksum, and every number that others imply.

    With --rerun it is run again in a folder of its own, and every number must lie within its stated spread: counts
    exactly, accuracies exactly on the same machine and within three standard errors elsewhere, times only on the
    same machine. A record made with a draft or from a file of weights cannot be run again, for it holds neither.
    A stream record (`seesaw replay --record`) is also held against the records of its runs; with --rerun it is replayed
    from the traces that lie in the folder of runs, and every number must be the same.
    """
    from bench.records.checks.run import faults
    from bench.records.compare import compare
    from bench.records.store import contested
    from bench.records.stream import StreamRecord, either

    found = either(record)
    if isinstance(found, StreamRecord):
        streams.verify(record, found, records)
        if rerun:
            streams.replay_again(record, found, records, runs, threads)
        return
    inside = record.resolve().is_relative_to(records.resolve())
    if wrong := faults(found, *((record, records) if inside else ())):
        for sentence in wrong:
            out.print(f"- {sentence}", style="red", soft_wrap=True)
        raise SeesawError(f"{record} is not to be believed. Run it again, or ask who made it.")
    out.print("Schema, digest, checksum and derived numbers hold.")
    if why := contested(record, []):
        out.print(f"A maintainer contests it: {why}", style="yellow", soft_wrap=True)
    if not rerun:
        return
    rows = compare(found, _again(found, data, threads))
    table = _table("run again", "number", "told", "found", "allowed")
    for row in rows:
        if not row.agrees:
            told, again = ("-" if v is None else f"{v:.6g}" for v in (row.told, row.found))
            table.add_row(row.name, told, again, f"{row.allowed:.3g}")
    compared = sum(row.allowed is not None for row in rows)
    out.print(f"{compared} numbers compared, {len(rows) - compared} times of another machine left out.")
    if table.row_count:
        out.print(table)
    if wrong := [row for row in rows if not row.agrees and not row.timed]:
        raise SeesawError(
            f"{len(wrong)} of {compared} numbers contradict {record}. Compare machine and versions with "
            "`seesaw show`, and ask who made it."
        )
    if table.row_count:
        raise SeesawError(
            f"{table.row_count} times lie outside their spread, and all other numbers agree. Let the machine do nothing else, "
            "and verify it once more."
        )
    out.print("Run again, every number lies within its spread.")


def _again(found: Record, data: Path, threads: int | None) -> Record:
    """Run a record's settings again in a folder that is gone afterwards."""
    from bench.machine import settle
    from bench.runs.progress import Shown
    from bench.runs.run import run
    from bench.runs.trained import order_of

    told = found.machine.get("threads")
    threads = threads or (told if isinstance(told, int) and 0 < told <= 1024 else None)
    settle(threads, deterministic=found.machine.get("deterministic") is True)
    with tempfile.TemporaryDirectory() as folder:
        order = order_of(found, data=data, records=Path(folder) / "records", runs=Path(folder) / "runs")
        with Shown(out, f"{order.task}  {order.model}  seed {order.seed}") as shown:
            again = run(order, shown)
    if again.digest != found.digest:
        raise SeesawError(
            f"Run with what its specs say, its settings have the digest {again.digest}, not {found.digest}. "
            "Its specs do not say what its settings say; ask who made it."
        )
    return again


def _table(title: str, *heads: str) -> Table:
    table = Table(*heads, title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.overflow = "fold"
    return table
