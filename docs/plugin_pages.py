"""Pages of plugins, made from their source and from the boards when the pages are built, so that none is ever stale."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

from bench.plugins.listing import Card, cards
from bench.plugins.plugin import entries

TOP = Path(__file__).parents[1]
CELLS = re.compile(r"(?<!\\)\|")
KINDS = {
    "task": ("Tasks", "A task is a data set with its splits, its recipe of training and a version.", "digits"),
    "backbone": ("Backbones", "A backbone is a list of stages, and says how heads on them look.", "mlp"),
    "exits": ("Exits plans", "An exits plan says where heads hang, and how they are trained.", "joint"),
    "policy": ("Policies", "A policy decides at which exit a sample is answered; it sees no test label.", "confidence"),
    "codec": ("Codecs", "A codec turns the tensors that cross a cut into bytes, and back.", "int8"),
    "channel": ("Channels", "A channel gives the rates, delay, loss and energy of a link over time, as one table.", "constant"),
    "profile": ("Profiles", "A profile gives the seconds and joules that a network's parts take on a device, measured or modelled.", "recorded"),
    "split": ("Split policies", "A split policy chooses, for each request, where the network is cut and what the device sends.", "dynamic"),
    "partitioner": ("Partitioners", "A partitioner places the operations of a network on the device, an edge and a server.", "min-cut"),
    "meter": ("Meters", "A meter measures a network and gives readings: numbers with a unit and a source.", "macs"),
}  # fmt: skip
"""A page for each of these kinds: title, what such a plugin is, and one of them for the example."""


def pages() -> dict[str, str]:
    """Markdown of all pages of plugins, by path below docs/; a page for each method, and one for each other kind."""
    methods = cards("method")
    found = {f"methods/{card.name}.md": method_page(card) for card in methods}
    return found | {"methods/index.md": _methods(methods)} | {f"plugins/{kind}.md": kind_page(kind) for kind in KINDS}  # fmt: skip


def method_page(card: Card) -> str:
    """The page of a method: its idea and paper, its settings, how to run it, and what the boards hold of it."""

    parts = [
        f"# {card.name}",
        f"*{_plain(card.line)}*",
        _plain(source_text("method", card.name)),
        f"```sh\nseesaw run --task digits --model 'lenet_{card.name}'\n```",
        _settings(card),
        _rows(card.name),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def kind_page(kind: str) -> str:
    """The page of another kind of plugin: each plugin with its source's text and settings."""
    title, line, example = KINDS[kind]
    parts = [
        f"# {title}",
        f"{line} `seesaw list {kind}` prints these lines, and those of plugins that you installed.",
    ]
    if kind == "task":
        parts.append(f"```sh\nseesaw list {kind}\n```")
    else:
        parts.append(f"```sh\nseesaw check {example} --kind {kind}\n```")
    for card in cards(kind):
        source = "" if kind == "task" else _plain(source_text(kind, card.name))  # one file has several tasks
        parts += [f"## {card.name}", f"*{_plain(card.line)}*", source, _settings(card)]
    return "\n\n".join(filter(None, parts)) + "\n"


def source_text(kind: str, name: str) -> str:
    """The docstring of the file that defines an announced plugin: the idea in a sentence, and where it is from."""
    spec = importlib.util.find_spec(entries(kind)[name][0].value.partition(":")[0])
    assert spec is not None
    assert spec.origin is not None
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""


def _methods(methods: list[Card]) -> str:
    lines = "\n".join(f"| [{card.name}]({card.name}.md) | {_plain(card.line)} |" for card in methods)
    return (
        "# Methods\n\nA method decides which weights exist, and when. [Sparsity](../sparsity.md) sets them side by side.\n\n"
        f"| method | |\n|---|---|\n{lines}\n"
    )


def _settings(card: Card) -> str:
    """A table of settings; empty where a plugin has none."""
    if not card.settings:
        return ""
    rows = "\n".join(
        f"| `{one.name}` | {f'`{one.default}`' if one.default else 'empty'} | {_plain(one.meaning)} |"
        for one in card.settings
    )
    return f"| setting | default | |\n|---|---|---|\n{rows}"


def _rows(method: str) -> str:
    """What the boards' tables of accuracy by density hold of a method; empty where they hold nothing."""
    tables = [
        f"**[{page.stem}](../../leaderboards/{page.name})**\n\n" + "\n".join([*table[:2], *rows])
        for page in sorted((TOP / "leaderboards").glob("*.md"))
        if (table := _table(page)) and (rows := [row for row in table[2:] if _method(row) == method])
    ]
    if not tables:
        return ""
    return "## On the boards\n\nTop-1 of the last exit, by the share of weights that stay.\n\n" + "\n\n".join(
        tables
    )


def _table(page: Path) -> list[str]:
    """The lines of a board's table of accuracy by method and density; none where it has no such table."""
    _, _, rest = page.read_text(encoding="utf-8").partition("## Accuracy by method and density")
    section = rest.partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")]


def _method(row: str) -> str:
    """The method that a row of the table is of."""
    return CELLS.split(row)[2].strip().replace("\\", "").partition("[")[0]


def _plain(text: str) -> str:
    """A text in which Markdown finds no marks but those of code."""
    parts = re.split(r"(`[^`]+`)", text)
    parts[::2] = [re.sub(r"([\\*_\[\]<>|#])", r"\\\1", part) for part in parts[::2]]
    return "".join(part.replace("|", "&#124;") if part.startswith("`") else part for part in parts)
