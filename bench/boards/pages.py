"""Pages: the files below `leaderboards/` that are computed from records, and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bench.boards.board import Board, keep, read_boards
from bench.boards.deployments.page import chapter as deployment_chapter
from bench.boards.deployments.page import page as deployment_page
from bench.boards.deployments.read import read_deployment_boards
from bench.boards.markup import Chapter, computed
from bench.boards.measured.page import chapter as measured_chapter
from bench.boards.measured.page import page as measured_page
from bench.boards.measured.read import read_measured_boards
from bench.boards.results import results
from bench.boards.show import markdown, networks
from bench.boards.show.html import FOLDER, TAKE, index
from bench.boards.streams.page import chapter as stream_chapter
from bench.boards.streams.page import page as stream_page
from bench.boards.streams.read import read_stream_boards
from bench.boards.superseded import remarks
from bench.errors import SeesawError, counted
from bench.files import write_whole
from bench.lock import alone
from bench.records.deployment import DeploymentRecord
from bench.records.measured import MeasuredDeployment
from bench.records.record import Record, schema
from bench.records.sealed import Sealed
from bench.records.store import FILE_KINDS, Store
from bench.records.stream import StreamRecord

Read = tuple[Mapping[str, Any], list[str]]
"""Boards by name, and a sentence for each file that stands on none."""


Remark = Callable[[str], None]


class Drawing(NamedTuple):
    """The way from all files of one kind to pages.

    Attributes:
        read: the boards of a store.
        name: of a board's page.
        page: a board's page.
        chapter: the part of index.html that all boards make; None where it would be empty.
        tables: files of all boards' numbers; None where there are none.
        remarks: sentences on sound files that count nowhere.
        keep: keeps what was computed for the next time.
    """

    read: Callable[[Store], Read]
    name: str
    page: Callable[[Any], str]
    chapter: Callable[[Mapping[str, Any]], Chapter | None]
    tables: Callable[[Mapping[str, Any]], dict[str, bytes]] | None = None
    remarks: Callable[[Mapping[str, Any]], list[str]] = lambda boards: []
    keep: Callable[[Mapping[str, Any]], None] = lambda boards: None


def _prepare(board: Board) -> None:
    """Compute what pages show of each row of a board by itself."""
    markdown.prepare(board)
    networks.prepare(board)


DRAWINGS: dict[type[Sealed], Drawing] = {
    Record: Drawing(
        partial(read_boards, prepare=_prepare),
        "{}.md",
        markdown.page,
        networks.chapter,
        results,
        remarks,
        keep,
    ),
    StreamRecord: Drawing(read_stream_boards, "online-{}.md", stream_page, stream_chapter),
    DeploymentRecord: Drawing(read_deployment_boards, "deploy-{}.md", deployment_page, deployment_chapter),
    MeasuredDeployment: Drawing(read_measured_boards, "measured-{}.md", measured_page, measured_chapter),
}
"""By kind of file; files of another kind are reported, and drawn nowhere."""


def _unheard(remark: str) -> None:
    """Take a remark to nobody."""


def files(store: Store, remark: Remark = _unheard) -> tuple[dict[str, bytes], list[str]]:
    """Every page and the tables beside them, by name, and a sentence for each file that is on none.

    Args:
        store: of the files.
        remark: called with a sentence on files that are read and count nowhere, where there are any.
    """
    pages: dict[str, str] = {}
    tables: dict[str, bytes] = {}
    chapters: list[Chapter] = []
    trouble: list[str] = []
    contested: dict[str, int] = {}
    for kind in FILE_KINDS:
        drawing = DRAWINGS.get(kind)
        if drawing is None:
            trouble += _undrawn(store, kind)
            continue
        boards, more = drawing.read(store)
        trouble += more
        for sentence in drawing.remarks(boards):
            remark(sentence)
        pages |= {drawing.name.format(name): drawing.page(one) for name, one in boards.items()}
        contested |= {drawing.name.format(name): len(one.contested) for name, one in boards.items()}
        if (part := drawing.chapter(boards)) is not None:
            chapters.append(part)
        if drawing.tables is not None:
            tables |= drawing.tables(boards)
        drawing.keep(boards)
    for sentence in _contested(contested, store):
        remark(sentence)
    pages |= index(chapters) | {"schema.json": schema()}
    return {name: text.encode() for name, text in pages.items()} | tables, trouble


def _contested(counts: Mapping[str, int], store: Store) -> list[str]:
    """A sentence with the number of contested files, by page, and what to do with them; none where there are none."""
    pages = [f"{name} ({count})" for name, count in counts.items() if count]
    if not pages:
        return []
    number = sum(counts.values())
    whose, them = ("its", "it") if number == 1 else ("their", "them")
    return [
        f"{counted(number, 'file')} {'is' if number == 1 else 'are'} contested, and {whose} numbers count nowhere; why stands under "
        f"'Contested' at the end of {', '.join(pages)}. `seesaw verify {store.records.parent}` names {them}: run {them} again with "
        f"--again, or remove {them}."
    ]


def _undrawn(store: Store, kind: type[Sealed]) -> list[str]:
    entries, trouble = store.entries(kind)
    if entries:
        files = f"{counted(len(entries), kind.title)} below {store.folder(kind)}"
        trouble.append(f"No page shows {files}: {kind.__name__} is not among DRAWINGS of {__name__}.")
    return trouble


def write_pages(store: Store, pages: Path, remark: Remark = _unheard) -> tuple[list[Path], list[str]]:
    """Write every page, and remove those of boards that are no more.

    Processes that write at the same time wait for each other, and each reads the records when it is its turn:
    so the last one has read them all.

    Args:
        store: of the files.
        pages: their folder.
        remark: called with a sentence on files that are read and count nowhere, where there are any.

    Returns:
        The pages written, and a sentence for each file that is on none.

    Raises:
        SeesawError: there is no such folder of records, or the folder of pages cannot be written.
    """
    if not store.records.is_dir():
        raise SeesawError(
            f"There is no folder of records at {store.records}. Run something first, or name it: --records."
        )
    with alone(pages / ".lock"):
        new, trouble = files(store, remark)
        for name, content in new.items():
            write_whole(pages / name, content, "--pages")
        for old in _gone(pages, new):
            old.unlink()
    return [pages / name for name in new], trouble


def stale(store: Store, pages: Path) -> tuple[list[Path], list[str]]:
    """The pages that the records give otherwise, and a sentence for each file that is on none."""
    new, trouble = files(store)
    old = [pages / name for name, content in new.items() if not _is(pages / name, content)]
    return _gone(pages, new) + old, trouble


def _is(page: Path, content: bytes) -> bool:
    try:
        return page.read_bytes() == content
    except OSError:
        return False


def _gone(pages: Path, names: Collection[str]) -> list[Path]:
    """The pages and blocks of earlier boards whose names are not among these; a file by anyone else is left alone."""
    old = [*sorted(pages.glob("*-v*.md")), *sorted(pages.glob(f"{FOLDER}/*.js"))]
    gone = [one for one in old if one.is_file() and one.relative_to(pages).as_posix() not in names]
    return [one for one in gone if _ours(one, one.read_text(encoding="utf-8", errors="replace"))]


def _ours(path: Path, text: str) -> bool:
    if path.suffix == ".js":
        return text.startswith(f'{TAKE}"{path.stem}"')
    return any(computed(kind) in text for kind in FILE_KINDS)
