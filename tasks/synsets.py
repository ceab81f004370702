"""ImageNet's layouts: a folder of pictures for each class, named by its wnid (WordNet's number, such as n01440764)."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np

from bench import SeesawError, hold_plain
from tasks.encoded import Encoded

WNID = re.compile(r"n\d{8}")
ENDINGS = (".jpeg", ".jpg", ".png")
MOST_LINES = 1 << 24
"""Bytes of a file of labels."""


def wnids_below(folder: Path) -> list[str]:
    """The classes that have a folder there, sorted."""
    try:
        return sorted(one.name for one in os.scandir(folder) if WNID.fullmatch(one.name) and one.is_dir())
    except OSError:
        return []


def by_folder(root: Path, part: str, wnids: Iterable[str], inner: str = "") -> Encoded:
    """The pictures of classes in `<root>/<part>/<wnid>/<inner>`, class by class, each in the order of names."""
    names, labels = [], []
    for label, wnid in enumerate(wnids):
        place = "/".join(filter(None, (part, wnid, inner)))
        own = sorted(_images(root / place))
        names += [f"{place}/{name}" for name in own]
        labels += [label] * len(own)
    return Encoded(root, names, np.array(labels, np.int64))


def by_list(root: Path, part: str, wnid_of: dict[str, str], wnids: Iterable[str], where: object) -> Encoded:
    """The pictures in `<root>/<part>` whose classes a file lists, in the order of names; those of other classes are left out.

    Args:
        root: the folder.
        part: of it, with the pictures.
        wnid_of: from a picture's name to its class.
        wnids: the classes that are taken, whose labels count from 0.
        where: the file of the list, for the error.

    Raises:
        SeesawError: a listed picture is not there.
    """
    taken = listed(wnid_of, wnids, set(_images(root / part)), where, root / part)
    labels = np.array([label for _, label in taken], np.int64)
    return Encoded(root, [f"{part}/{name}" for name, _ in taken], labels)


def listed(
    wnid_of: dict[str, str], wnids: Iterable[str], there: Collection[str], where: object, folder: object
) -> list[tuple[str, int]]:
    """The names of pictures with their labels, in the order of names; a name that is not `there` never becomes a path.

    Args:
        wnid_of: from a picture's name to its class.
        wnids: the classes that are taken, whose labels count from 0.
        there: names of the pictures that there are.
        where: the file of the list, for the error.
        folder: where they lie, for the error.

    Raises:
        SeesawError: a listed picture is not there.
    """
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    taken = sorted((name, label_of[wnid]) for name, wnid in wnid_of.items() if wnid in label_of)
    if absent := [name for name, _ in taken if name not in there]:
        raise SeesawError(
            f"{where} lists {len(absent)} pictures that are not in {folder}, such as {absent[0]!r}. Put all of the "
            "archive's files there."
        )
    return taken


def _images(folder: Path) -> Iterator[str]:
    """Names of the pictures in a folder."""
    try:
        entries = os.scandir(folder)
    except OSError:
        return
    with entries:
        for one in entries:
            if one.name.lower().endswith(ENDINGS) and not one.name.startswith("."):
                yield one.name


def lines(path: Path) -> list[str]:
    """The lines of a file of labels, without empty ones.

    Raises:
        SeesawError: too large, or no text.
    """
    try:
        hold_plain(path)
        with path.open("rb") as file:
            data = file.read(MOST_LINES + 1)
        if len(data) > MOST_LINES:
            raise ValueError(f"more than {MOST_LINES >> 20} MB")
        return [line for line in data.decode().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise SeesawError(
            f"{path} cannot be read as a list ({error}). Put the archive's own file there."
        ) from error
