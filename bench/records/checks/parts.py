"""Checks that every kind of written file shares."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import ValidationError

from bench.errors import SeesawError
from bench.plugins.spec import parse, render
from bench.records.setup import Named, Recipe, Setup


def settings_faults(setup: Setup) -> Iterator[str]:
    """A sentence for each fault of a setup: of its specs, the names of its plugins, its recipe."""
    several = (*setup.policies, *setup.codecs, *setup.meters)
    for plugin in (setup.task, setup.backbone, setup.method, setup.exits, *several):
        yield from spec_faults(plugin)
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
