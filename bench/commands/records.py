"""seesaw show, diff and verify: the content of a written file, the differences of two, and its checks.

They treat every kind of written file (a run's record, a stream record, ...) alike: see `bench.records.sealed`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError, counted

if TYPE_CHECKING:
    from bench.records.sealed import Sealed
    from bench.records.store import Store

RecordPath = Annotated[Path, typer.Argument(help="path of a record, or of a stream record")]


def show(record: RecordPath, debug: options.Debug = False) -> None:
    """Print a record: its tables, its settings, and the machine it was made on.

    A stream record (`seesaw replay --record`) is shown as on its board.
    """
    from bench.records.store import Store, open_file

    file = open_file(record)
    store = Store.around(record, file)
    view = import_module(file.shown_by)
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, value in view.about(file):
        table.add_row(name, value)
    out.print(table)
    print_file(record, store, file)
    if reason := store.contested(record, store.faults(file)):
        out.print(f"Not to be believed: {reason}", style="red", soft_wrap=True)


def print_file(path: Path, store: Store, file: Sealed | None = None) -> None:
    """Print the tables of a written file, the sentences below them, and its path."""
    from bench.records.store import open_file

    file = file or open_file(path)
    for part, style in import_module(file.shown_by).shown(file, store):
        out.print(part, style=style, soft_wrap=isinstance(part, str))
    out.print(f"{file.title}: {path}", soft_wrap=True)


def diff(one: RecordPath, other: RecordPath, debug: options.Debug = False) -> None:
    """Show the differences between two records: settings, machine, versions and numbers."""
    from bench.records.compare import differences
    from bench.records.store import open_file

    first, second = open_file(one), open_file(other)
    if type(first) is not type(second):
        raise SeesawError(
            f"{one} is a {first.title} and {other} a {second.title}. Give two records of runs, or two of streams."
        )
    table = _table("settings, machine and versions that differ", "", "first", "second")
    for name, a, b in differences(first.settings(), second.settings()):
        table.add_row(name, str(a), str(b))
    out.print(table if table.row_count else "Settings, machine and versions are the same.")
    numbers = _table("numbers that differ", "number", "first", "second", "second / first")
    here, there = first.numbers(), second.numbers()
    for name in here | there:
        a, b = here.get(name), there.get(name)
        if a != b:
            ratio = f"{b / a:.4g}" if a and b is not None else "-"
            numbers.add_row(name, *("-" if one is None else f"{one:.6g}" for one in (a, b)), ratio)
    out.print(numbers if numbers.row_count else "All numbers are the same.")


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

    With --rerun it is run again in a folder of its own, and every number must lie within its stated spread:
    counts exactly, accuracies exactly on the same machine and within three standard errors elsewhere, times only
    on the same machine. A record made with a draft or from a file of weights cannot be run again, for it holds
    neither. A stream record (`seesaw replay --record`) is also compared with the records of its runs; with --rerun
    it is replayed from the traces that lie in the folder of runs, and every number must be the same.
    """
    from bench.records.store import Store, open_file

    file, store = open_file(record), Store(records, runs)
    if faults := store.faults(file, record):
        for sentence in faults:
            out.print(f"- {sentence}", style="red", soft_wrap=True)
        raise SeesawError(f"{record} is not to be believed. {file.remedy}")
    out.print("Schema, digest, checksum, derived numbers and what other files say of it hold.")
    if reason := store.contested(record, []):
        out.print(f"A maintainer contests it: {reason}", style="yellow", soft_wrap=True)
    if rerun:
        _make_again(record, file, store, data, threads)


def _make_again(path: Path, file: Sealed, store: Store, data: Path, threads: int | None) -> None:
    """Make a file again, and compare every number with the new one.

    Raises:
        SeesawError: a number contradicts it, or it cannot be made again.
    """
    with out.status("Loading PyTorch ..."):
        maker = import_module(file.maker)
        from bench.runs.progress import RunProgress

    with RunProgress(out, file.name) as progress:
        rows = file.compare(maker.again(file, store, data=data, threads=threads, report=progress))
    wrong = [row for row in rows if not row.agrees]
    compared = sum(row.allowed is not None for row in rows)
    left_out = len(rows) - compared
    times = f", {counted(left_out, 'time')} of another machine left out" if left_out else ""
    out.print(f"{counted(compared, 'number')} compared{times}.")
    if not wrong:
        out.print("Made again, every number lies within its spread.")
        return
    table = _table("made again", "number", "recorded", "again", "allowed")
    for row in wrong:
        values = ("-" if value is None else f"{value:.9g}" for value in (row.recorded, row.again))
        table.add_row(row.name, *values, f"{row.allowed:.3g}")
    out.print(table)
    if any(not row.timed for row in wrong):
        contradict = sum(not row.timed for row in wrong)
        raise SeesawError(
            f"{contradict} of {counted(compared, 'number')} contradict {path}. Compare machine and versions with "
            "`seesaw show`, and ask who made it."
        )
    raise SeesawError(
        f"{counted(len(wrong), 'time lies', 'times lie')} outside their spread, and all other numbers agree. Let the machine "
        "do nothing else, and verify it once more."
    )


def _table(title: str, *heads: str) -> Table:
    table = Table(*heads, title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.overflow = "fold"
    return table
