"""Meter: measures one cost of a network. Reading: one number with its unit, source and spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from bench.network.net import Net
from bench.network.sparse.values import ValueType
from bench.plugins.plugin import Plugin
from bench.records.reading import Readings


@dataclass
class Found:
    """What a meter found: readings by place, and what it could not find, each with its reason."""

    net: Readings = field(default_factory=dict)
    exits: dict[int, Readings] = field(default_factory=dict)
    """by number of the exit, from 0"""
    cuts: dict[int, Readings] = field(default_factory=dict)
    """by cut, from 0 to the number of stages"""
    absent: dict[str, str] = field(default_factory=dict)
    """name of a reading, and why there is none"""
    notes: dict[str, object] = field(default_factory=dict)
    """what belongs into the record beside the numbers"""


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        net: the network as unpacked from its packed bytes, in eval mode, on `device`.
        device: where it runs.
        report: called with work done, work expected and a short line while long measurements go on.
        values: type of the numbers that its weights are packed in; the weights are such as it can say.
        parent: builds its dense parent, untrained, on `device`, so that the two can be timed in turn; None where it is
            dense itself.
    """

    net: Net
    device: torch.device
    report: Callable[[float, float, str], None] = lambda done, total, line: None
    values: ValueType = "float32"
    parent: Callable[[], Net] | None = None


class Meter(Plugin):
    """The contract: `measure` looks at tensors and clocks, never at what a method claims."""

    kind: ClassVar[str] = "meter"
    quiet: ClassVar[bool] = False
    """whether it reads clocks or sensors, so that other runs on this machine should hold still meanwhile"""

    def measure(self, subject: Subject) -> Found:
        """Measure the whole network, every exit, every cut, or what of these makes sense."""
        raise NotImplementedError(f"{type(self).__name__} must define measure(subject)")
