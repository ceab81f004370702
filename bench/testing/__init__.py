"""Conformance: a check of the contract of each kind of plugin. Anyone runs it on a plugin of their own.

    from bench.testing import check_method
    def test_mine():
        check_method(Mine(density=0.25))

Each check returns the sentences that are true of the plugin; the first that is not raises `Nonconforming`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.plugins.plugin import Plugin
from bench.testing.backbones import check_backbone
from bench.testing.channels import check_channel
from bench.testing.codecs import check_codec
from bench.testing.exits import check_exits
from bench.testing.facts import Facts, Nonconforming
from bench.testing.meters import check_meter
from bench.testing.methods import check_method
from bench.testing.policies import check_policy
from bench.testing.tasks import check_task
from bench.testing.tiny import CLASSES, IMAGE, AllExits, TinyBackbone, TinyTask, trained

CHECKS: dict[str, Callable[..., list[str]]] = {
    "task": check_task,
    "backbone": check_backbone,
    "method": check_method,
    "exits": check_exits,
    "policy": check_policy,
    "codec": check_codec,
    "channel": check_channel,
    "meter": check_meter,
}


def check(plugin: Plugin, root: Path = Path("data")) -> list[str]:
    """Run the check of a plugin's kind; `root` is the folder of data sets, for tasks."""
    return CHECKS[plugin.kind](plugin, root) if plugin.kind == "task" else CHECKS[plugin.kind](plugin)


__all__ = [
    "CHECKS",
    "CLASSES",
    "IMAGE",
    "AllExits",
    "Facts",
    "Nonconforming",
    "TinyBackbone",
    "TinyTask",
    "check",
    "check_backbone",
    "check_channel",
    "check_codec",
    "check_exits",
    "check_meter",
    "check_method",
    "check_policy",
    "check_task",
    "trained",
]
