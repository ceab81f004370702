"""Verification: what a maintainer says against a record, and the specs by which anyone runs it again."""

from __future__ import annotations

import re
from pathlib import Path

from bench.errors import SeesawError
from bench.plugins.spec import parse
from bench.records.record import Named, Record

NOTE = ".contested"
"""Ending of a maintainer's note beside a record."""


def contested(path: Path, wrong: list[str]) -> str | None:
    """Why a record should not be believed: a maintainer's reason in `seed<k>.contested` beside it, or its faults."""
    note = path.with_suffix(NOTE)
    try:
        reasons = [_said(note.read_text(encoding="utf-8"))] if note.exists() else []
    except (OSError, UnicodeDecodeError):
        reasons = ["It is contested for a reason that cannot be read."]
    reasons += wrong[:1]
    return " ".join(reasons) or None


def _said(note: str) -> str:
    return " ".join(note.split())[:300] or "It is contested, without a reason."


def specs_of(record: Record) -> dict[str, list[str]]:
    """The specs that run a record again.

    Raises:
        SeesawError: it was made with a draft or from a file of weights, neither of which it contains.
    """
    setup = record.setup
    one = {"task": setup.task, "backbone": setup.backbone, "method": setup.method, "exits": setup.exits}
    many = {"policies": setup.policies, "codecs": setup.codecs, "meters": setup.meters}
    named = {key: [value] for key, value in one.items()} | many
    return {key: [spec_of(plugin) for plugin in plugins] for key, plugins in named.items()}


def spec_of(plugin: Named) -> str:
    """The spec by which anyone finds a plugin that a record names.

    Raises:
        SeesawError: it is a draft.
    """
    spec = parse(plugin.spec)
    inner = any(re.search(r":[A-Za-z]", value) for value in spec.settings.values())
    if plugin.origin.startswith("draft") or ":" in spec.name or spec.name != plugin.name or inner:
        raise SeesawError(
            f"{plugin.name} is a draft, and a record holds no code. Announce it in a distribution to run it again."
        )
    return plugin.spec
