"""Meter: measures one cost of a network, and gives readings of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from bench.network.macs import Tariff
from bench.network.net import Net
from bench.network.sparse.values import ValueType
from bench.plugins.plugin import Plugin
from bench.records.reading import Readings


@dataclass
class Measurement:
    """The result of a meter: readings by place, and the reason for each that is absent."""

    net: Readings = field(default_factory=dict)
    exits: dict[int, Readings] = field(default_factory=dict)
    """by number of the exit, from 0"""
    cuts: dict[int, Readings] = field(default_factory=dict)
    """by cut, from 0 to the number of stages"""
    absent: dict[str, str] = field(default_factory=dict)
    """by name of a reading, the reason why there is none"""
    notes: dict[str, object] = field(default_factory=dict)
    """further entries for the record, beside the readings"""


@dataclass(frozen=True)
class Subject:
    """The network to measure, and how.

    Attributes:
        net: the network as unpacked from its packed bytes, in eval mode, on `device`.
        device: where it runs.
        report: called with work done, work expected and a short line while long measurements go on.
        values: type of the numbers that its weights are packed in, and rounded to.
        parent: builds its dense parent, untrained, on `device`, so that the two can be timed in turn; None
            where the network is dense itself.
        tariff: the MACs of its stages and heads; counted where left out.
        inputs: gives samples of the calibration split as the network takes them, on `device`; None where there are none.
    """

    net: Net
    device: torch.device
    report: Callable[[float, float, str], None] = lambda done, total, line: None
    values: ValueType = "float32"
    parent: Callable[[], Net] | None = None
    tariff: Tariff | None = None
    inputs: Callable[[], Tensor] | None = None


class Meter(Plugin):
    """The contract: `measure` looks at tensors and clocks, never at claims of a method."""

    kind: ClassVar[str] = "meter"
    quiet: ClassVar[bool] = False
    """whether it reads clocks or sensors, so that other runs on this machine should pause meanwhile"""

    def measure(self, subject: Subject) -> Measurement:
        """Measure the whole network, every exit, every cut, or those of them that make sense."""
        raise NotImplementedError(f"{type(self).__name__} must define measure(subject)")
