"""The page: it works from disk, without a network, under a strict content policy; what its first view does not need lies beside it.

Each block of data is a script of one call, since from disk a browser reads nothing else; the policy lets in what the page's own
script asks for, and no other script, whatever stands in the page (`strict-dynamic`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.boards.markup import Chapter, json_text
from bench.plain import plain

HOME = Path(__file__).parent
SCRIPTS = ("page.js", "plot.js", "table.js")
"""What the scripts of all chapters use."""


FOLDER = "index"
"""The folder of blocks, beside the page."""
TAKE = "take("
"""What every file of a block begins with."""


def index(chapters: Sequence[Chapter]) -> dict[str, str]:
    """The page, with a chapter for each kind of file, and the blocks that it loads when they are asked for, by name of file."""
    blocks = {name: json_text(value) for one in chapters for name, value in one.blocks.items()}
    stamps = {name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, text in blocks.items()}
    files = {f"{FOLDER}/{name}.js": _call(name, stamps[name], text) for name, text in blocks.items()}
    return {"index.html": _page(chapters, stamps)} | files


def _page(chapters: Sequence[Chapter], stamps: Mapping[str, str]) -> str:
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
        data=_inside_script(
            {name: value for one in chapters for name, value in one.data.items()}
            | {"folder": FOLDER, "blocks": stamps}
        ),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _call(name: str, stamp: str, text: str) -> str:
    """A script that hands the page a block as JSON text: no text of a record is code in it, and no key a prototype."""
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return f'{TAKE}"{name}","{stamp}",\'{quoted}\');\n'


def _inside_script(data: Any) -> str:
    """JSON that cannot end the script element that it stands in, whatever a record's texts are."""
    text = json_text(data)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
