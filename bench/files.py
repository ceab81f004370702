"""Files: written whole or not at all, read within bounds, and the cache folder."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile

from bench.errors import SeesawError

OWN, PUBLISHED = Path("results/records"), Path("leaderboards/records")
"""Where one's own records go, which git does not track, and where those of the published boards lie."""

DRAFT = ".part"
"""Ending of a file that is not yet whole; nothing reads such a file."""


def sweep(*folders: Path) -> None:
    """Remove the drafts that killed writers have left in folders that nobody else writes now."""
    for folder in folders:
        for draft in folder.glob(f".*{DRAFT}"):
            draft.unlink(missing_ok=True)


def read_plain(path: Path, limit: int) -> bytes:
    """The first `limit` bytes of a plain file; no link is followed, and no pipe or device is waited for.

    Raises:
        OSError: it cannot be read, or is no plain file.
    """
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        return file.read(limit)


def write_whole(path: Path, data: bytes, option: str) -> None:
    """Write a file beside its place, flush it to the disk, and move it there in one step.

    Args:
        path: its place; folders above it are made.
        data: its whole content.
        option: of the command line, by which one names another folder; for the error.

    Raises:
        SeesawError: the folder cannot be written; the file that was there before is untouched.
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


def writable(folder: Path, content: str, option: str) -> None:
    """Check before long work, not after it, that a folder can be written.

    Args:
        folder: made where it is not there.
        content: that is to be written, in words, for the error: `Records`.
        option: by which one names another folder, for the error.

    Raises:
        SeesawError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SeesawError(
            f"{content} cannot be written to {folder} ({error.strerror}). "
            f"Unlock or free that folder, or name another with {option} FOLDER."
        ) from error


def cache() -> Path:
    """The folder of files that are made once on this machine, such as compiled kernels: what lies there is executed.

    Raises:
        SeesawError: there is none, as the user has no home; or others could put their code there.
    """
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(os.environ.get("SEESAW_CACHE") or Path(base, "seesaw"))
    except RuntimeError as error:
        raise SeesawError(
            "There is no home folder to keep things in. Name another: SEESAW_CACHE=FOLDER."
        ) from error
    if hasattr(os, "getuid") and folder.exists():
        about = folder.stat()
        if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or about.st_uid not in (os.getuid(), 0):
            raise SeesawError(
                f"Others can write to {folder}, and code that lies there is run. Take the folder for yourself "
                f"(chown, and chmod go-w {folder}), or name another: SEESAW_CACHE=FOLDER."
            )
    return folder
