"""Conformance: a check of the contract of each kind of plugin. Anyone runs it on a plugin of their own.

    from bench.testing import check_method
    def test_mine():
        check_method(Mine(density=0.25))

Each check returns the sentences that are true of the plugin; the first that is not raises `Nonconforming`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.kinds.bases.learned_codec import LearnedCodec
from bench.kinds.codec import Codec
from bench.plugins.plugin import Plugin
from bench.testing.backbones import check_backbone
from bench.testing.channels import check_channel
from bench.testing.codecs import check_codec
from bench.testing.exits import check_exits
from bench.testing.facts import Facts, Nonconforming
from bench.testing.learned_codecs import check_learned_codec
from bench.testing.meters import check_meter
from bench.testing.methods import check_method
from bench.testing.partitioners import check_partitioner
from bench.testing.policies import check_policy
from bench.testing.profiles import check_profile
from bench.testing.splits import check_split
from bench.testing.tasks import check_task
from bench.testing.tiny import CLASSES, IMAGE, AllExits, TinyBackbone, TinyTask, trained


def _check_codec(codec: Codec) -> list[str]:
    """The check of a codec: one that is trained is held to more."""
    return check_learned_codec(codec) if isinstance(codec, LearnedCodec) else check_codec(codec)


CHECKS: dict[str, Callable[..., list[str]]] = {
    "task": check_task,
    "backbone": check_backbone,
    "method": check_method,
    "exits": check_exits,
    "policy": check_policy,
    "codec": _check_codec,
    "channel": check_channel,
    "profile": check_profile,
    "split": check_split,
    "partitioner": check_partitioner,
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
    "check_learned_codec",
    "check_meter",
    "check_method",
    "check_partitioner",
    "check_policy",
    "check_profile",
    "check_split",
    "check_task",
    "trained",
]
