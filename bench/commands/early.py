"""What is seen to be wrong before PyTorch is loaded, which takes seconds: files and folders that a command names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.errors import SeesawError

MANIFEST = "manifest.json"
"""The name of the file that a packed folder holds (`bench.shipping.manifest`)."""


def hold_record(path: Path) -> None:
    """See that a path is a record, or a folder, which is looked into later.

    Raises:
        SeesawError: it is neither.
    """
    from bench.records.record import Record

    if not path.is_dir():
        Record.read(path)


def hold_traces(paths: Iterable[Path]) -> None:
    """See that traces are there.

    Raises:
        SeesawError: one is not.
    """
    for path in paths:
        if not path.exists():
            raise SeesawError(f"There is no file {path}. A run's traces lie in its folder below runs/.")


def hold_weights(path: Path | None) -> None:
    """See that a file of weights is there, where one is named.

    Raises:
        SeesawError: it is not.
    """
    if path is not None and not path.exists():
        raise SeesawError(f"{path} cannot be read (there is no such file). Give a file of weights.")


def hold_packed(folder: Path, *, inner: bool = False) -> None:
    """See that a folder was packed, or with `inner` that one in it was.

    Raises:
        SeesawError: it was not.
    """
    if (folder / MANIFEST).is_file() or (inner and any(folder.glob(f"*/{MANIFEST}"))):
        return
    if inner:
        raise SeesawError(
            f"{folder} holds no {MANIFEST}, nor does a folder in it. Give a folder that `seesaw pack --cut K` wrote, or one that "
            "holds several of these."
        )
    raise SeesawError(
        f"{folder / MANIFEST} cannot be read (No such file or directory). Give a folder that `seesaw pack` wrote."
    )
