"""Sectioned: boards of a written kind whose files make sections of a page, such as stream and deployment records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bench.records.store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class SectionedBoard(Generic[T]):
    """A task's files of one kind.

    Attributes:
        name: of the task with its version.
        sections: ranked ones first.
        records: the number of those that count.
        contested: name and reason of each that does not.
    """

    name: str
    sections: list[T]
    records: int
    contested: list[tuple[str, str]]


def read_sectioned(
    store: Store, kind: type[Any], sections: Callable[[list[Any]], list[T]]
) -> tuple[dict[str, SectionedBoard[T]], list[str]]:
    """The boards of a store's files of one kind, by name, and a sentence for each file that is none.

    Args:
        store: of the files.
        kind: their class, derived from `Sealed`, with the name of its `board`.
        sections: makes the sections of a board from its sound files.
    """
    entries, trouble = store.entries(kind)
    sound: dict[str, list[Any]] = defaultdict(list)
    contested: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for entry in entries:
        if entry.contested is None:
            sound[entry.file.board].append(entry.file)
        else:
            contested[entry.file.board].append((entry.file.name, entry.contested))
    return {
        name: SectionedBoard(name, sections(sound[name]), len(sound[name]), contested[name])
        for name in sorted({*sound, *contested})
    }, trouble
