"""Plugins: frozen values with scalar settings, named by a spec, found through entry points."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bench.errors import SeesawError, lab_error
from bench.plugins.spec import Spec, drafts_in, items, near, parse, render, unquoted, without_folders

KINDS = (
    *("task", "backbone", "method", "exits", "policy", "codec", "channel", "profile", "split", "partitioner"),
    "meter",
)


def class_name(kind: str) -> str:
    """The public name of a kind's class: `Split` is the split of a data set."""
    return "SplitPolicy" if kind == "split" else kind.capitalize()


Count = Annotated[int, Field(ge=1)]
"""A whole number from 1."""

Whole = Annotated[int, Field(ge=0)]
"""A whole number from 0."""

Positive = Annotated[float, Field(gt=0)]
"""A number above 0."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""


MethodSpec = str
"""A method's spec as the value of a setting; its names are looked up before anything is loaded."""

TaskSpec = str
"""A task's spec as the value of a setting; its names are looked up before anything is loaded."""

FolderPath = str
"""A folder as the value of a setting; it is looked up before anything is loaded."""

ProfileSpec = str
"""A profile's spec as the value of a setting; its names are looked up before anything is loaded."""


def usual(word: str) -> BeforeValidator:
    """Lets a spec name a setting's usual value or leave it open: the same setting, with one digest."""
    return BeforeValidator(lambda value: None if value == word else value)


class Settings(BaseModel):
    """Frozen values; an unknown name, a wrong type, infinity and NaN are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def read(cls, name: str, words: Mapping[str, str]) -> Self:
        """These settings from a spec's words: `1:2:3` for a list, `none` where a setting may be left open.

        Args:
            name: of the plugin that they belong to, for messages.
            words: by the settings' names; a setting that is left out keeps its default.

        Raises:
            SeesawError: a name or a value is wrong; one sentence names the right ones.
        """
        for key in words:
            if key not in cls.model_fields:
                raise no_setting(name, key, cls._defaults())
        try:
            return cls.model_validate({key: cls._value(key, word) for key, word in words.items()})
        except ValidationError as error:
            first = error.errors()[0]
            where = str(first["loc"][0]) if first["loc"] else ""
            given = f" (given {words[where]!r})" if where in words else ""
            reason = first["msg"].removeprefix("Value error, ").rstrip(".")
            raise SeesawError(
                f"{name}{f'[{where}]' if where else ''}: {reason}{given}. Give another value."
            ) from error

    @classmethod
    def _defaults(cls) -> dict[str, str]:
        """The default of every setting as a spec writes it, or that the setting has none."""
        return {
            key: "(required)" if field.is_required() else render(field.default)
            for key, field in cls.model_fields.items()
        }

    @classmethod
    def _value(cls, key: str, word: str) -> Any:
        field = cls.model_fields[key]
        if field.default is None and word == "none":
            return None
        if get_origin(field.annotation) is tuple:
            return tuple(items(word))
        if get_origin(field.annotation) is Literal:  # pydantic compares, and turns no word into a number
            return next((one for one in get_args(field.annotation) if render(one) == word), unquoted(word))
        return unquoted(word)


def no_setting(name: str, key: str, defaults: Mapping[str, str]) -> SeesawError:
    """The sentence for a setting that a plugin has not; `defaults` are those that it has, as specs write them."""
    settings = ", ".join(f"{one}={default}" for one, default in defaults.items())
    return SeesawError(
        f"{name} has no setting {key!r}{near(key, defaults)} "
        + (f"Its settings are {settings}." if settings else f"It has none: write {name} alone.")
    )


class Plugin(Settings):
    """The base of every kind: the fields are the settings, each a number, a word, a truth value or a list.

    State lives in the network or in what a verb returns, never in the plugin.
    """

    kind: ClassVar[str]


P = TypeVar("P", bound=Plugin)


@dataclass(frozen=True)
class Choice(Generic[P]):
    """A plugin together with the name it was called by and the distribution (or draft) it came from.

    Attributes:
        plugin: with its settings.
        name: as announced; a draft's is its file (or module) and class, without folders.
        origin: distribution and version; `draft` and a digest where it is one, or has one among its settings.
        place: of a draft, by which this process finds it again; empty for an announced plugin.
    """

    plugin: P
    name: str
    origin: str
    place: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting with its value, defaults included."""
        return self.plugin.model_dump(mode="json")

    @property
    def spec(self) -> str:
        """The shortest spec of this plugin: only settings that differ from their defaults, no folders of drafts."""
        return without_folders(_spec(self.name, self.plugin))

    @property
    def call(self) -> str:
        """The shortest spec by which this process finds the plugin again."""
        return _spec(self.place or self.name, self.plugin)


def _spec(name: str, plugin: Plugin) -> str:
    changed = {
        key: render(getattr(plugin, key))
        for key, field in type(plugin).model_fields.items()
        if getattr(plugin, key) != field.default
    }
    return str(Spec(name, changed))


def announced_spec(plugin: Plugin) -> str | None:
    """The spec by which anyone finds a plugin with these settings; None for a draft."""
    place = f"{type(plugin).__module__}:{type(plugin).__qualname__}"
    names = (n for n, claims in entries(plugin.kind).items() if [claim.value for claim in claims] == [place])
    return next((_spec(name, plugin) for name in names), None)


@cache
def _every_entry_point() -> Any:
    return entry_points()  # reads the metadata of all distributions: once for all kinds


def _installed(group: str) -> Iterable[EntryPoint]:
    return _every_entry_point().select(group=group)


@cache
def entries(kind: str) -> dict[str, list[EntryPoint]]:
    """Every announced name of a kind, with the entry points that claim it (more than one is a conflict)."""
    claims_of: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for entry in _installed(f"bench.{kind}"):
        claims_of.setdefault(entry.name, {})[(origin_of(entry), entry.value)] = entry
    return {name: list(claims.values()) for name, claims in sorted(claims_of.items())}


def plugin_names(kind: str) -> list[str]:
    """Every announced name of a kind, such as "policy", in the order of the alphabet."""
    return list(entries(kind))


def origin_of(entry: EntryPoint) -> str:
    """The distribution that announces an entry point, with its version."""
    return "no distribution" if entry.dist is None else _name_and_version(entry.dist)


@cache
def _name_and_version(distribution: Distribution) -> str:
    return f"{distribution.name} {distribution.version}"  # either parses the whole metadata, README and all


def choose(kind: type[P], text: str) -> Choice[P]:
    """Find, import and set one plugin by its spec.

    Args:
        kind: the base class, such as `bench.Method`.
        text: the spec, or a draft's place with settings.

    Raises:
        SeesawError: unknown or ambiguous name, broken import, wrong kind, wrong settings.
    """
    spec = parse(text)
    cls, origin = _draft_class(spec.name) if ":" in spec.name else _announced_class(kind.kind, spec.name)
    if not (isinstance(cls, type) and issubclass(cls, kind)):
        word = getattr(kind, "kind", "plugin")
        raise SeesawError(
            f"{spec.name} is no {word}: it must derive from bench.{kind.__name__}. Give another."
        )
    plugin = cls.read(spec.name, spec.settings)
    if inner := [place for place in drafts_in(text) if place != spec.name]:
        outer = [origin] if ":" in spec.name else []
        origin = "; ".join(dict.fromkeys([*outer, *(_draft_class(place)[1] for place in inner)]))
    if ":" in spec.name:
        return Choice(plugin, without_folders(str(Spec(spec.name, {}))), origin, spec.name)
    return Choice(plugin, spec.name, origin)


def announced(kind: str, name: str) -> EntryPoint:
    """The entry point that one distribution announces under a name.

    Raises:
        SeesawError: there is none, or two distributions claim the name.
    """
    claims = entries(kind).get(name)
    if not claims:
        raise SeesawError(
            f"There is no {kind} {name!r}{near(name, entries(kind))} "
            f"`seesaw list {kind}` shows all: {', '.join(entries(kind))}."
        )
    if len(claims) > 1:
        raise SeesawError(
            f"The {kind} {name!r} is claimed by {' and by '.join(map(origin_of, claims))}. "
            "Uninstall one, or name the class itself as package.module:Class."
        )
    return claims[0]


def _announced_class(kind: str, name: str) -> tuple[Any, str]:
    """The class that one distribution announces under a name, and that distribution."""
    entry = announced(kind, name)
    try:
        return entry.load(), origin_of(entry)
    except Exception as error:
        if isinstance(error, ImportError) and (missing := lab_error(error)):
            raise missing from error
        raise SeesawError(
            f"The {kind} {name!r} of {origin_of(entry)} cannot be imported ({type(error).__name__}: {error}). "
            "Reinstall that distribution, or mend it; --debug shows where."
        ) from error


def draft(place: str) -> Any:
    """What stands at `package.module:name` or `path/to/file.py:name`: the file is run.

    Raises:
        SeesawError: no such file, it cannot be imported, or it has no such name.
    """
    if ":" not in place:
        raise SeesawError(
            f"{place} names no place in a file. Give path/to/file.py:name or package.module:name."
        )
    return _draft_class(place)[0]


def _draft_class(place: str) -> tuple[Any, str]:
    """The class at `package.module:Class` or `path/to/file.py:Class`, and its origin for records."""
    path, _, name = place.rpartition(":")
    try:
        module, origin = _draft_module(path)
    except Exception as error:
        raise SeesawError(
            f"The draft {path} cannot be imported ({type(error).__name__}: {error}). "
            "Mend it, or give the right place as package.module:Class or path/to/file.py:Class."
        ) from error
    if not hasattr(module, name):
        own = [
            key
            for key, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", None) == module.__name__
        ]
        raise SeesawError(
            f"{path} has no {name!r}{near(name, own)} Give a class or a function that the file defines."
        )
    return getattr(module, name), origin


def _draft_module(path: str) -> tuple[Any, str]:
    if not path.endswith(".py"):
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        module = importlib.import_module(path)
        source = Path(module.__file__ or "")
        digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12] if source.is_file() else "no file"
        return module, f"draft {path} sha256:{digest}"
    file = Path(path).expanduser().resolve(strict=True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    name = f"draft_{digest}_{file.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name], f"draft {file.name} sha256:{digest}"
