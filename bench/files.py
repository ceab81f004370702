"""Files written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from bench.errors import SeesawError

DRAFT = ".part"
"""Ending of what is not yet whole; nothing reads such a file."""


def sweep(*folders: Path) -> None:
    """Remove what killed writers have left in folders that nobody else writes now."""
    for folder in folders:
        for draft in folder.glob(f".*{DRAFT}"):
            draft.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, option: str) -> None:
    """Write a file beside its place, flush it to the disk, and move it there in one step.

    Args:
        path: where it belongs; folders above it are made.
        data: all of it.
        option: of the command line, that names another folder.

    Raises:
        SeesawError: the folder cannot be written; what was there before is untouched.
    """
    draft = path.with_name(f".{path.name}.{token_hex(4)}{DRAFT}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise SeesawError(
            f"{path} cannot be written ({error.strerror}). "
            f"Free or unlock that folder, or name another with {option} FOLDER."
        ) from error
