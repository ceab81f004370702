"""seesaw upgrade: written files of earlier forms in today's form, their numbers and seals as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError, counted


def upgrade(
    paths: Annotated[list[Path], typer.Argument(help="files, or folders of which all files are rewritten")],
    debug: options.Debug = False,
) -> None:
    """Write files of earlier forms in today's, which is shorter: a quarter of the bytes.

    Every value stays as it was to the last digit, and so does the checksum over them: `seesaw verify` holds before and after.
    Files that are in today's form already are left alone, and files that somebody changed by hand are refused.
    """
    from bench.records.checks.files import files_of
    from bench.records.store import open_file

    before = after = rewritten = 0
    refused: list[str] = []
    files = files_of(paths)
    for path in files:
        size = path.stat().st_size if path.is_file() else 0
        try:
            rewritten += open_file(path).rewrite(path)
        except SeesawError as error:
            refused.append(str(error))
            continue
        before, after = before + size, after + path.stat().st_size
    out.print(f"{counted(rewritten, 'file')} of {len(files)} rewritten: {before:,} bytes became {after:,}.")
    if refused:
        raise SeesawError(
            f"{counted(len(refused), 'file')} left as {'it was' if len(refused) == 1 else 'they were'}. {' '.join(refused)}"
        )
