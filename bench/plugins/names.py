"""Names in specs, looked up among what is announced, before PyTorch or a plugin is loaded for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.errors import SeesawError
from bench.plugins.listing import source_of
from bench.plugins.plugin import announced, entries, no_setting
from bench.plugins.spec import drafts_in, parse, split_model, unquoted


def check_names(kind: str, specs: Sequence[str]) -> None:
    """Check the names of plugins and of their settings; values are checked when the plugins are loaded.

    A draft passes where its file is there, and so do the settings of a class whose source does not show all of them.

    Args:
        kind: of the plugins, such as "method".
        specs: of plugins of this kind.

    Raises:
        SeesawError: one is no spec, or a name in it is wrong: the sentence that loading it would give.
    """
    for text in specs:
        spec = parse(text)
        for place in drafts_in(text):
            _hold_draft(place)
        if ":" in spec.name:
            continue
        entry = announced(kind, spec.name)
        if not spec.settings:
            continue
        try:
            source = source_of(entry)
        except (SeesawError, OSError, SyntaxError, ImportError):
            continue
        settings = source.in_class_order
        for key, value in spec.settings.items():
            if key not in settings and source.is_whole:
                raise no_setting(spec.name, key, {name: one.value for name, one in settings.items()})
            if key not in settings or not value:
                continue
            if settings[key].kind:
                check_names(settings[key].kind, [unquoted(value)])
            if settings[key].is_folder and not Path(folder := unquoted(value)).expanduser().is_dir():
                raise SeesawError(
                    f"{folder} is no folder. Write {spec.name}[{key}=DIR] with the path of one."
                )


def _hold_draft(place: str) -> None:
    """See that a draft's file is there.

    Raises:
        SeesawError: it is not.
    """
    file = place.rpartition(":")[0]
    if file.endswith(".py") and not Path(file).expanduser().is_file():
        raise SeesawError(
            f"There is no file {file}, whose code {place} names. Give the right place: path/to/file.py:NAME."
        )


def check_model(text: str) -> None:
    """Check the names in `backbone_method`; the method may be left out.

    Raises:
        SeesawError: it is no model, or a name in it is wrong.
    """
    backbone, method = split_model(text, entries("backbone"))
    check_names("backbone", [backbone])
    check_names("method", [method] if method else [])
