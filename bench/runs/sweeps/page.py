"""Page: a sweep's progress as one HTML file, which reloads itself; to look at from another machine or the next day."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.files import write_whole
from bench.runs.progress import duration
from bench.runs.workers import News

EVERY = 5.0
"""Seconds between two writings, and until a browser reads the page again."""
RECENT = 50
"""How many ends are listed."""

STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:1rem auto;max-width:60rem;padding:0 1rem;color:#222;background:#fff}
progress{width:100%;height:1.2rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem .2rem 0;
border-bottom:1px solid #ddd;vertical-align:top;overflow-wrap:anywhere}.failed{color:#a00}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#111}.failed{color:#f88}td,th{border-color:#333}}"""


class SweepPage:
    """Writes a sweep's progress to a file.

    Args:
        path: of the page.
        names: of the cells.
        title: of the sweep.
        clock: of seconds.
    """

    def __init__(
        self, path: Path, names: Sequence[str], title: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path, self.names, self.title, self.clock = path, names, title, clock
        self.begun, self.written = clock(), -EVERY
        self.at: dict[int, News] = {}
        self.ends: dict[int, News] = {}

    def __call__(self, news: News) -> None:
        """Take one message in, and write the page where it is old or the sweep has ended."""
        if news.kind == "at":
            self.at[news.number] = news
        else:
            self.at.pop(news.number, None)
            self.ends[news.number] = news
        if len(self.ends) == len(self.names) or self.clock() - self.written > EVERY:
            self.write()

    def write(self) -> None:
        """Write the page."""
        self.written = self.clock()
        write_whole(self.path, self.text().encode(), "--pages")

    def text(self) -> str:
        """The page."""
        done, all_ = len(self.ends), len(self.names)
        failed = [news for news in self.ends.values() if news.kind == "failed"]
        spent = self.clock() - self.begun
        share = done + sum(news.share for news in self.at.values())
        left = f"about {duration(spent / share * (all_ - share))} left" if share and done < all_ else ""
        words = [
            f"{done} of {all_} cells have ended",
            f"{len(failed)} of them failed" if failed else "",
            f"{len(self.at)} at work" if self.at else "",
            f"{duration(spent)} so far",
            left,
        ]
        recent = sorted(self.ends.values(), key=lambda news: news.kind != "failed")
        recent = [*failed, *[news for news in reversed(self.ends.values()) if news.kind != "failed"]][:RECENT]
        reload = f'<meta http-equiv="refresh" content="{EVERY:g}">' if done < all_ else ""
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8">{reload}'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{done}/{all_} {html.escape(self.title)}</title><style>{STYLE}</style>"
            f"<h1>{html.escape(self.title)}</h1><p>{html.escape(', '.join(filter(None, words)))}. "
            f"Written {time.strftime('%Y-%m-%d %H:%M:%S')}.</p>"
            f'<progress max="{all_}" value="{share:.3f}"></progress>'
            + self._table("At work", sorted(self.at.values(), key=lambda news: news.worker))
            + self._table(f"Ended ({'failed ones first, then ' if failed else ''}the last first)", recent)
            + "</html>\n"
        )

    def _table(self, title: str, rows: Sequence[News]) -> str:
        if not rows:
            return ""
        lines = "".join(
            f"<tr{' class=failed' if news.kind == 'failed' else ''}><td>{news.worker}<td>{html.escape(self.names[news.number])}"
            f"<td>{duration(news.seconds)}<td>{html.escape(news.line)}"
            for news in rows
        )
        return f"<h2>{html.escape(title)}</h2><table><tr><th>worker<th>cell<th>time<th>{lines}</table>"
