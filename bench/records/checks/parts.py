"""Checks that every kind of written file shares."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bench.errors import SeesawError
from bench.plugins.listing import card
from bench.plugins.spec import parse, render
from bench.records.compare import SAME
from bench.records.reading import Reading
from bench.records.sealed import is_open
from bench.records.setup import Named, Recipe, Setup

if TYPE_CHECKING:
    from bench.records.record import Exit

PACKAGE = "seesaw-bench"
"""The distribution that brings the core, the tasks and the baselines."""


def settings_faults(setup: Setup) -> Sequence[str]:
    """A sentence for each fault of a setup: of its specs, the names of its plugins, its recipe."""
    return _settings_faults(setup.model_dump_json())


@lru_cache(maxsize=16)
def _settings_faults(setup: str) -> tuple[str, ...]:
    """Those of a setup in JSON; seeds of one setup, which are read one after the other, share them."""
    return tuple(_faults_of(Setup.model_validate_json(setup)))


def _faults_of(setup: Setup) -> Iterator[str]:
    for kind, plugins in plugins_of(setup).items():
        for plugin in plugins:
            yield from spec_faults(plugin)
            yield from default_faults(kind, plugin)
    for plugin in (setup.task, setup.backbone, setup.method):
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", plugin.name) and ":" not in plugin.name:
            yield f"{plugin.name!r} is no plugin's name."
    try:
        Recipe.model_validate(setup.recipe)
    except ValidationError as error:
        yield f"Its recipe is none ({error.errors()[0]['msg']})."


def spec_faults(plugin: Named) -> Iterator[str]:
    """A sentence for each difference between a spec, which people read, and the settings beside it."""
    try:
        spec = parse(plugin.spec)
    except SeesawError as error:
        yield str(error)
        return
    if spec.name != plugin.name:
        yield f"{plugin.name} has a spec of another name, {plugin.spec!r}."
    for key, word in spec.settings.items():
        if key not in plugin.settings or render(plugin.settings[key]) != word:
            yield f"The spec {plugin.spec!r} says {key}={word}, and its settings do not."


def default_faults(kind: str, plugin: Named) -> Iterator[str]:
    """A sentence for each setting that a spec leaves out although it is not the default.

    Defaults are those of the same version of the same distribution, if that is installed: no other's are known.
    """
    known = card(kind, plugin.name)
    if known is None or known.origin != plugin.origin or known.trouble:
        return
    defaults = {setting.name: setting.default for setting in known.settings}
    for key, given in plugin.settings.items():
        if key not in defaults:
            yield f"{plugin.name} has no setting {key}."
        elif not is_open(given) and not same_word(plugin, key, given, defaults[key]):
            yield f"The spec {plugin.spec!r} leaves out {key}, which is {render(given)} and usually {defaults[key]}."


def same_word(plugin: Named, key: str, given: object, default: str) -> bool:
    """Whether a spec holds a setting, or it is the default."""
    try:
        return key in parse(plugin.spec).settings or render(given) == default
    except SeesawError:
        return True  # a spec that cannot be read is a fault by itself


def origin_faults(plugins: Iterable[Named], versions: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each plugin of this distribution whose version is not the one that was installed."""
    ours = f"{PACKAGE} {versions.get(PACKAGE)}"
    for plugin in plugins:
        if plugin.origin.startswith(f"{PACKAGE} ") and plugin.origin != ours:
            yield f"{plugin.name} is of {plugin.origin}, and the versions beside it name {ours}."


def code_faults(commit: str | None, dirty: bool | None) -> Iterator[str]:
    """A sentence where the commit of the code cannot be one."""
    if commit is not None and not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", commit):
        yield f"{commit!r} is no commit."
    if (commit is None) != (dirty is None):
        yield "It names the commit of its code, or whether the code differed from it, and not both."


def plugins_of(setup: Setup) -> dict[str, list[Named]]:
    """The plugins of a setup, by kind."""
    one = {"task": setup.task, "backbone": setup.backbone, "method": setup.method, "exits": setup.exits}
    many = {"policy": setup.policies, "codec": setup.codecs, "meter": setup.meters}
    return {kind: [plugin] for kind, plugin in one.items()} | many


def value(readings: Mapping[str, Reading], name: str) -> float | None:
    """The value of a reading, None where there is none of this name."""
    return readings[name].value if name in readings else None


def same(one: float, other: float) -> bool:
    """Whether two numbers differ by rounding at most."""
    return math.isclose(one, other, rel_tol=SAME, abs_tol=1e-12)


def whole(number: float, slack: float = 1e-4) -> bool:
    """Whether a number is a whole one, but for rounding."""
    return math.isfinite(number) and math.isclose(number, round(number), abs_tol=slack)


def samples_of(exits: Sequence[Exit]) -> int:
    """The number of samples of the test split."""
    return next((e.readings["top1"].n or 1 for e in exits if "top1" in e.readings), 1)
