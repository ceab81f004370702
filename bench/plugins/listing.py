"""Cards: the first line and the settings of plugins, read from their source without importing it.

`seesaw list` must not pay for PyTorch, nor run the code of every plugin that happens to be installed. A static reader of
whole packages, such as griffe, would read annotations and docstrings, but entry points, classes of other files that a
plugin derives from, and defaults as they are written in specs would still be resolved here.
"""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.errors import SeesawError
from bench.plugins.plugin import entries


@dataclass(frozen=True)
class Setting:
    """One setting: its name, its default as a spec writes it, and its meaning."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Card:
    """A plugin at a glance.

    Attributes:
        name: as in specs.
        origin: the distribution that announces it.
        line: the first line of its docstring.
        settings: its own and those of the classes it derives from, nearest first.
        trouble: the reason why there is no line and are no settings, or empty.
    """

    name: str
    origin: str
    line: str = ""
    settings: tuple[Setting, ...] = ()
    trouble: str = ""


def cards(kind: str) -> list[Card]:
    """A card for every announced plugin of a kind, by name."""
    return [one for name in entries(kind) if (one := card(kind, name)) is not None]


@cache
def card(kind: str, name: str) -> Card | None:
    """The card of an announced plugin; None where no distribution here announces it."""
    claims = entries(kind).get(name, [])
    if not claims:
        return None
    origin = " and ".join(f"{c.dist.name} {c.dist.version}" if c.dist else "?" for c in claims)
    if len(claims) > 1:
        return Card(name, origin, trouble="claimed twice: uninstall one of the two distributions")
    module, _, attribute = claims[0].value.partition(":")
    try:
        return Card(name, origin, *_read(module, attribute))
    except (SeesawError, OSError, SyntaxError, ImportError) as error:
        return Card(name, origin, trouble=f"its source cannot be read: {error}")


@cache
def bases(kind: str, name: str) -> frozenset[str] | None:
    """The names of the classes that an announced plugin derives from, as far as their files can be read.

    None where no distribution, or more than one, announces it here, or its source cannot be read.
    """
    claims = entries(kind).get(name, [])
    if len(claims) != 1:
        return None
    module, _, attribute = claims[0].value.partition(":")
    try:
        return frozenset(_above(module, attribute))
    except (SeesawError, OSError, SyntaxError, ImportError):
        return None


def _above(module: str, name: str) -> set[str]:
    """The names of the classes that a class derives from."""
    homes = [_home(_tree(module), module, base) for base in _class(module, name).bases]
    return {one for home in homes if home for one in (home[1], *_above(*home))}


def _class(module: str, name: str) -> ast.ClassDef:
    cls = next((n for n in _tree(module).body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if cls is None:
        raise SeesawError(f"{module} defines no class {name}")
    return cls


def _read(module: str, name: str) -> tuple[str, tuple[Setting, ...]]:
    """The first docstring line and all settings of a class, its bases' included."""
    tree, cls = _tree(module), _class(module, name)
    settings = {setting.name: setting for setting in _own(cls)}
    for base in cls.bases:
        home = _home(tree, module, base)
        if home is not None:
            for setting in _read(*home)[1]:
                settings.setdefault(setting.name, setting)
    line = (ast.get_docstring(cls) or "").partition("\n")[0]
    return line, tuple(settings.values())


@cache
def _tree(module: str) -> ast.Module:
    """A module's syntax tree. Packages above it are imported, the module itself is not."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise SeesawError(f"there is no Python file for {module}")
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _own(cls: ast.ClassDef) -> list[Setting]:
    """Annotated fields with the string below each; class variables and private names are no settings."""
    settings = []
    for node, after in zip(cls.body, [*cls.body[1:], None], strict=True):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        if node.target.id.startswith("_") or "ClassVar" in ast.unparse(node.annotation):
            continue
        meaning = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            meaning = " ".join(str(after.value.value).split())
        settings.append(Setting(node.target.id, _usual(node.annotation) or _default(node.value), meaning))
    return settings


def _usual(annotation: ast.expr) -> str | None:
    """The word for a setting that is left open, where its annotation holds `usual(word)`; else None."""
    for call in ast.walk(annotation):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "usual":
            return str(ast.literal_eval(call.args[0]))
    return None


def _default(value: ast.expr | None) -> str:
    """A default as a spec would write it."""
    if value is None:
        return "(required)"
    try:
        plain = ast.literal_eval(value)
    except ValueError:
        return ast.unparse(value)
    if isinstance(plain, tuple):
        return ":".join(map(str, plain))
    return str(plain).lower() if isinstance(plain, bool) or plain is None else str(plain)


def _home(tree: ast.Module, module: str, base: ast.expr) -> tuple[str, str] | None:
    """Module and name of a base class, by this file's own imports; None for a class that is no plugin's."""
    name = ast.unparse(base).partition("[")[0]
    if any(isinstance(node, ast.ClassDef) and node.name == name for node in tree.body):
        return module, name
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _follow("." * node.level + (node.module or ""), module, alias.name)
    return None


@cache
def _homes() -> dict[str, str]:
    """The module that each public name of `bench` is defined in, by the stub that type checkers read."""
    stub = ast.parse((Path(__file__).parents[1] / "__init__.pyi").read_text(encoding="utf-8"))
    imports = (node for node in stub.body if isinstance(node, ast.ImportFrom))
    return {alias.name: node.module or "" for node in imports for alias in node.names}


def _follow(source: str, module: str, name: str) -> tuple[str, str] | None:
    if source == "bench":
        return (f"bench.{_homes()[name]}", name) if name in _homes() else None
    if source.startswith("."):
        source = importlib.util.resolve_name(source, module.rpartition(".")[0])
    return (source, name) if source.split(".")[0] != "pydantic" else None
