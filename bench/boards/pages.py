"""Pages: the files below `leaderboards/` that are computed from records, and from nothing else."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bench.boards.board import read_boards
from bench.boards.show.html import index
from bench.boards.show.markdown import COMPUTED, page
from bench.boards.streams.page import COMPUTED as STREAMS_COMPUTED
from bench.boards.streams.page import page as stream_page
from bench.boards.streams.read import read_stream_boards
from bench.errors import SeesawError
from bench.files import write_whole
from bench.lock import alone
from bench.records.record import schema
from bench.records.store import Store


def texts(store: Store) -> tuple[dict[str, str], list[str]]:
    """The text of every page, by its name, and a sentence for each file that is no record."""
    boards, trouble = read_boards(store)
    streams, more = read_stream_boards(store)
    pages = {f"{name}.md": page(board) for name, board in boards.items()}
    pages |= {f"online-{name}.md": stream_page(name, board) for name, board in streams.items()}
    return pages | {"index.html": index(boards, streams), "schema.json": schema()}, trouble + more


def write_pages(store: Store, pages: Path) -> tuple[list[Path], list[str]]:
    """Write every page, and remove those of boards that are no more.

    Processes that write at the same time wait for each other, and each reads the records when it is its turn:
    so the last one has read them all.

    Returns:
        The pages written, and a sentence for each file that is no record.

    Raises:
        SeesawError: there is no such folder of records, or the folder of pages cannot be written.
    """
    if not store.records.is_dir():
        raise SeesawError(
            f"There is no folder of records at {store.records}. Run something first, or name it: --records."
        )
    with alone(pages / ".lock"):
        new, trouble = texts(store)
        for name, text in new.items():
            write_whole(pages / name, text.encode(), "--pages")
        for old in _gone(pages, new):
            old.unlink()
    return [pages / name for name in new], trouble


def stale(store: Store, pages: Path) -> tuple[list[Path], list[str]]:
    """The pages that the records give otherwise, and a sentence for each file that is no record."""
    new, trouble = texts(store)
    old = [pages / name for name, text in new.items() if not _is(pages / name, text.encode())]
    return _gone(pages, new) + old, trouble


def _is(page: Path, text: bytes) -> bool:
    try:
        return page.read_bytes() == text
    except OSError:
        return False


def _gone(pages: Path, names: Collection[str]) -> list[Path]:
    """The pages of earlier boards whose names are not among these; a page by anyone else is left alone."""
    return [
        old
        for old in sorted(pages.glob("*-v*.md"))
        if old.is_file()
        and old.name not in names
        and _ours(old.read_text(encoding="utf-8", errors="replace"))
    ]


def _ours(text: str) -> bool:
    return COMPUTED in text or STREAMS_COMPUTED in text
