"""Files outside docs/ as pages: README.md is the first one, and others are copied where pages link to them."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parents[1]
OUTSIDE = re.compile(r"\]\((?:\.\./)+((?!\.\.)[^)#\s]+)")
"""A link to a file of the repository. In generated pages `../` may also lead to another page."""


def index() -> str:
    """README.md as the first page: its links start at docs/."""
    text = (TOP / "README.md").read_text(encoding="utf-8")
    text = re.sub(r'(\]\(|src=")docs/', r"\1", text)
    return re.sub(r"\]\((?!https?:|#|img/)([A-Za-z/_-]+(?<!docs)/[^)]*|[A-Z]+[^)]*)\)", _from_top, text)


def _from_top(link: re.Match[str]) -> str:
    """A link of README.md: below docs/ as it is, elsewhere with the step out of docs/."""
    path = link[1].partition("#")[0]
    return link[0] if (TOP / "docs" / path).exists() or not (TOP / path).exists() else f"](../{link[1]})"


def copy(path: Path) -> str:
    """A file of the repository as a page; its links to other files there are words only."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"\[([^\]]+)\]\((?!https?:|#)[^)]+\)", r"\1", text) if path.suffix == ".md" else text
