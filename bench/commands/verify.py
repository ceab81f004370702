"""seesaw verify: written files checked against their own numbers and other files, and one made again."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.commands.records import table_of
from bench.errors import SeesawError, counted

if TYPE_CHECKING:
    from bench.records.compare import Compared
    from bench.records.sealed import Sealed
    from bench.records.store import Store


def verify(
    paths: Annotated[list[Path], typer.Argument(help="files, or folders of which all files are checked")],
    rerun: Annotated[
        bool, typer.Option("--rerun", help="also run it again, and compare the numbers (one file)")
    ] = False,
    records: Annotated[
        Path | None,
        typer.Option(
            envvar="SEESAW_RECORDS", help="folder of records; the one that holds the file where left out"
        ),
    ] = None,
    runs: options.Runs = options.RUNS,
    data: options.DataSets = options.DATA,
    threads: options.Threads = None,
    debug: options.Debug = False,
) -> None:
    """Check records: schema, digest, checksum, and every number that others imply.

    A folder stands for all records and stream records below it; they are checked at once, on all cores.

    With --rerun one is run again in a folder of its own, and the numbers are compared. Counts, bytes and MACs must be
    the same on any machine. Accuracies and other results of training must be the same on the same processor with the
    same threads and versions, and elsewhere within three standard errors and 0.01. Times are compared on the same
    machine alone. The output has a line for each of these. A record made with a draft or from a file of weights cannot
    be run again, for it holds neither. A stream record (`seesaw replay --record`) is also compared with the records of
    its runs; with --rerun it is replayed from the traces that lie in the folder of runs, and every number must be the
    same. So it is with a deployment record (`seesaw deploy --keep`), which is deployed again with the times that it holds, and with
    the predicted half of a measured deployment (`--real --keep`): what was measured cannot be repeated bit by bit.
    """
    from bench.records.checks.files import files_of
    from bench.records.store import Store

    files = files_of(paths)
    store = Store.holding(files[0], runs) if records is None else Store(records, runs)
    if rerun and len(files) > 1:
        raise SeesawError(
            f"{counted(len(files), 'file')} cannot be run again at once. Give --rerun one file."
        )
    if len(files) > 1:
        _verify_all(files, store)
    else:
        _verify_one(files[0], store)
    if rerun:
        from bench.records.store import open_file

        _make_again(files[0], open_file(files[0]), store, data, threads)


def _verify_one(path: Path, store: Store) -> None:
    """Check one file, and print each of its faults.

    Raises:
        SeesawError: it has some, or cannot be read.
    """
    from bench.records.store import open_file

    file = open_file(path)
    if faults := store.faults(file, path):
        for sentence in faults:
            out.print(f"- {sentence}", style="red", soft_wrap=True)
        raise SeesawError(f"{path} is not to be believed. {file.remedy}")
    out.print("Schema, digest, checksum, derived numbers and what other files say of it hold.")
    if reason := store.contested(path, []):
        out.print(f"A maintainer contests it: {reason}", style="yellow", soft_wrap=True)


def _verify_all(files: list[Path], store: Store) -> None:
    """Check many files, and print a table of those at fault.

    Raises:
        SeesawError: some are.
    """
    from rich.progress import Progress

    from bench.records.checks.files import check_files

    with Progress(console=out, transient=True, disable=not out.is_terminal) as progress:
        bar = progress.add_task("check", total=len(files))
        checked = check_files(files, store, lambda done: progress.update(bar, completed=done))
    wrong = [one for one in checked if one.faults]
    table = table_of("files at fault", "file", "fault")
    for path, (first, *others), _ in wrong:
        table.add_row(str(path), first + (f" (and {counted(len(others), 'fault')} more)" if others else ""))
    if wrong:
        table.columns[0].overflow = "fold"
        out.print(table)
    for path, _, note in checked:
        if note is not None:
            out.print(f"A maintainer contests {path}: {note}", style="yellow", soft_wrap=True)
    if wrong:
        raise SeesawError(
            f"{len(wrong)} of {counted(len(files), 'file')} are not to be believed. Check one of them by itself to see all "
            "of its faults."
        )
    out.print(
        f"{counted(len(files), 'file')}: schemas, digests, checksums, derived numbers and what other files say hold."
    )


def _make_again(path: Path, file: Sealed, store: Store, data: Path, threads: int | None) -> None:
    """Make a file again, and compare every number with the new one.

    Raises:
        SeesawError: a number contradicts it, or it cannot be made again.
    """
    if file.unrepeatable:
        out.print(file.unrepeatable, soft_wrap=True)
    with out.status("Loading PyTorch ..."):
        maker = import_module(file.maker)
        from bench.runs.progress import RunProgress

    with RunProgress(out, file.name) as progress:
        other = maker.again(file, store, data=data, threads=threads, report=progress)
    rows = file.compare(other)
    _print_rules(rows, file.conditions_that_differ(other))
    wrong = [row for row in rows if not row.agrees]
    compared = sum(row.allowed is not None for row in rows)
    if not wrong:
        out.print("Made again, every number lies within its spread.")
        return
    table = table_of("made again", "number", "recorded", "again", "allowed")
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


def _print_rules(rows: list[Compared], differ: dict[str, tuple[object, object]]) -> None:
    """Print which numbers were compared, within what, and why; and the conditions that differ."""
    table = table_of("compared", "numbers", "how many", "allowed difference", "because")
    for rule in dict.fromkeys(row.rule for row in rows):
        table.add_row(rule.title, str(sum(row.rule == rule for row in rows)), rule.allowed, rule.reason)
    out.print(table)
    for name, (recorded, here) in differ.items():
        out.print(
            f"Recorded with {name} {recorded or 'unknown'}, made again with {here or 'none'}.", soft_wrap=True
        )
