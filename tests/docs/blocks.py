"""Blocks of code in Markdown: what they hold, and what the comments in front of them ask for."""

import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
COMMENT = re.compile(r"<!-- ([a-z ]+): ((?:(?!-->).)+) -->\n\Z", re.S)
STAMPS = [word for name in (".installed", ".lab", ".dev", ".docs") for word in ("-o", f".venv/{name}")]


@dataclass
class Block:
    """One block of code on a page.

    Attributes:
        page: path of the page.
        line: of its first line of code, from 1.
        language: the word behind the fence.
        code: what is between the fences.
        span: where that stands in the page's text.
        notes: words of the comment in front of it: `not run`, `not compared` or `file`, and what follows the colon.
    """

    page: Path
    line: int
    language: str
    code: str
    span: tuple[int, int]
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def place(self):
        return f"{self.page.relative_to(TOP)}:{self.line}"


def blocks(page, text=None):
    """All blocks of a page, in order."""
    text = page.read_text(encoding="utf-8") if text is None else text
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        note = COMMENT.search(before)
        notes = {note[1]: note[2]} if note else {}
        found.append(Block(page, before.count("\n") + 2, match[1], match[2], match.span(2), notes))
    return found


def commands(code):
    """The commands of a shell block, each as a list of words; loops are taken apart."""
    lines = re.sub(r"\\\n\s*", "", code).splitlines()
    plain = (re.sub(r"^\s*(for .*; do|done)\s*$", "", line) for line in lines)
    parts = (shlex.split(part, comments=True) for line in plain for part in re.split(r" && ", line))
    return [words for words in parts if words]


def seesaw_words(words):
    """The words of `seesaw ...` that a command comes to, for each that it runs; none for another program's.

    What `make` would run is asked of make itself.
    """
    while words[0].partition("=")[0].isupper():  # NAME=VALUE before a command
        words = words[1:]
    if words[0] == "seesaw":
        return [words[1:]]
    if words[0] != "make":
        return []
    made = subprocess.run(["make", "-n", *STAMPS, *words[1:]], cwd=TOP, check=True, capture_output=True, text=True)  # fmt: skip
    return [expanded[1:] for expanded in commands(made.stdout) if expanded[0].endswith("/seesaw")]
