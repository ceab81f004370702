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
from importlib.metadata import EntryPoint
from pathlib import Path

from bench.errors import SeesawError
from bench.plugins.plugin import KINDS, entries, origin_of


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: as in specs.
        value: its default as a spec writes it; `none` where it is left open.
        meaning: the string below it.
        word: for a default that is left open; "" where it has none.
        kind: of the plugin whose spec it holds, such as "method"; "" for another value.
        is_folder: whether it holds the path of a folder.
    """

    name: str
    value: str
    meaning: str
    word: str = ""
    kind: str = ""
    is_folder: bool = False

    @property
    def default(self) -> str:
        """Its default as it is shown: the word where there is one."""
        return self.word or self.value


@dataclass(frozen=True)
class Source:
    """A class as its source has it.

    Attributes:
        line: the first line of its docstring.
        own: the settings of each class, its own first, then those of the classes that it derives from.
        bases: the names of the classes that it derives from.
        is_whole: whether every class that it derives from was found.
    """

    line: str
    own: tuple[tuple[Setting, ...], ...]
    bases: frozenset[str]
    is_whole: bool

    @property
    def nearest_first(self) -> dict[str, Setting]:
        """All settings by name, its own first."""
        settings: dict[str, Setting] = {}
        for own in self.own:
            settings = settings | {one.name: settings.get(one.name, one) for one in own}
        return settings

    @property
    def in_class_order(self) -> dict[str, Setting]:
        """All settings by name, in the order of the class's fields: those of its bases first."""
        settings: dict[str, Setting] = {}
        for own in reversed(self.own):
            settings |= {one.name: one for one in own}
        return settings


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
    origin = " and ".join(map(origin_of, claims))
    if len(claims) > 1:
        return Card(name, origin, trouble="claimed twice: uninstall one of the two distributions")
    try:
        source = source_of(claims[0])
        return Card(name, origin, source.line, tuple(source.nearest_first.values()))
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
    try:
        return source_of(claims[0]).bases
    except (SeesawError, OSError, SyntaxError, ImportError):
        return None


def source_of(entry: EntryPoint) -> Source:
    """The class that an entry point names, read from its file.

    Raises:
        SeesawError, OSError, SyntaxError, ImportError: its source cannot be read.
    """
    module, _, name = entry.value.partition(":")
    return _read(module, name)


@cache
def _read(module: str, name: str) -> Source:
    tree = _tree(module)
    cls = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if cls is None:
        raise SeesawError(f"{module} defines no class {name}")
    homes = [_home(tree, module, base) for base in cls.bases if not _is_plain(base)]
    above = [(home[1], _read(*home)) for home in homes if home is not None]
    return Source(
        line=(ast.get_docstring(cls) or "").partition("\n")[0],
        own=(_own(cls), *(own for _, base in above for own in base.own)),
        bases=frozenset(name for base, source in above for name in (base, *source.bases)),
        is_whole=None not in homes and all(source.is_whole for _, source in above),
    )


@cache
def _tree(module: str) -> ast.Module:
    """A module's syntax tree. Packages above it are imported, the module itself is not."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise SeesawError(f"there is no Python file for {module}")
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _own(cls: ast.ClassDef) -> tuple[Setting, ...]:
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
        settings.append(
            Setting(
                name=node.target.id,
                value=_default(node.value),
                meaning=meaning,
                word=_usual(node.annotation) or "",
                kind=_kind(node.annotation),
                is_folder="FolderPath" in ast.unparse(node.annotation),
            )
        )
    return tuple(settings)


def _kind(annotation: ast.expr) -> str:
    """The kind of plugin whose spec a setting holds, by an annotation such as `MethodSpec`; "" for others."""
    name = ast.unparse(annotation).rpartition(".")[2]
    kind = name.removesuffix("Spec").lower()
    return kind if name.endswith("Spec") and kind in KINDS else ""


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


def _is_plain(base: ast.expr) -> bool:
    """Whether a base class has no settings: the root of all settings, and marks for type checkers."""
    name = ast.unparse(base).partition("[")[0].rpartition(".")[2]
    return name in ("BaseModel", "ABC", "Generic", "Protocol", "object")


def _home(tree: ast.Module, module: str, base: ast.expr) -> tuple[str, str] | None:
    """Module and name of a base class, by this file's own imports; None where they do not tell."""
    package, _, name = ast.unparse(base).partition("[")[0].rpartition(".")
    if package:
        imported = (alias for node in tree.body if isinstance(node, ast.Import) for alias in node.names)
        whole = next((alias.name for alias in imported if (alias.asname or alias.name) == package), None)
        return None if whole is None else _follow(whole, module, name)
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
