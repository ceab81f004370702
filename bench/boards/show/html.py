"""The page: one file that works from disk, without a network, under a strict content policy."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.boards.markup import Chapter
from bench.plain import plain, plain_values

HOME = Path(__file__).parent
SCRIPTS = ("page.js", "plot.js", "table.js")
"""What the scripts of all chapters use."""


def index(chapters: Sequence[Chapter]) -> str:
    """The page, with a chapter for each kind of file."""
    homes = {HOME, *(one.source.parent for one in chapters)}
    environment = Environment(
        loader=FileSystemLoader(sorted(homes)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: (
            plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
    )
    common = [HOME / name for name in SCRIPTS]
    scripts = [*common, *(one.source.with_name(name) for one in chapters for name in one.scripts)]
    style, script = (
        (HOME / "page.css").read_text(encoding="utf-8"),
        "\n".join(path.read_text(encoding="utf-8") for path in scripts),
    )
    return environment.get_template("index.html.j2").render(
        folders=[one.folder for one in chapters],
        parts=[
            Markup(environment.get_template(f"{one.source.name}.html.j2").render(one.values))
            for one in chapters
        ],
        data=_inside_script({name: value for one in chapters for name, value in one.data.items()}),
        blocks={name: _inside_script(value) for one in chapters for name, value in one.blocks.items()},
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _inside_script(data: Any) -> str:
    """JSON that cannot end the script element that it stands in, whatever a record's texts are."""
    text = json.dumps(plain_values(data), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
