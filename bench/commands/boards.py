"""seesaw board: pages from records."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.errors import SeesawError


def board(
    records: options.Records = options.RECORDS,
    pages: options.Pages = options.PAGES,
    check: Annotated[bool, typer.Option("--check", help="write nothing; fail if a page is stale")] = False,
    debug: options.Debug = False,
) -> None:
    """Write the pages of all boards from the records: Markdown, and index.html to look at in a browser."""
    from bench.board.pages import stale, write_pages

    if check:
        if old := stale(records, pages):
            raise SeesawError(
                f"{', '.join(str(path) for path in old)} {'is' if len(old) == 1 else 'are'} not what the records give. "
                "Run `make board`, and commit the pages with the records."
            )
        out.print("Every page is what the records give.")
        return
    written, trouble = write_pages(records, pages)
    for path in written:
        out.print(str(path), soft_wrap=True)
    for sentence in trouble:
        out.print(f"Left out: {sentence}", style="yellow", soft_wrap=True)
