"""The contract of every meter, as a check."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

from bench.kinds.build import assemble
from bench.kinds.meter import Measurement, Meter, Subject
from bench.network.net import Part
from bench.records.reading import Reading
from bench.testing.facts import Facts
from bench.testing.tiny import AllExits, TinyBackbone, TinyTask


def check_meter(meter: Meter) -> list[str]:
    """Check that readings are finite numbers with unit and source, at exits and cuts that exist."""
    facts = Facts()
    torch.manual_seed(0)
    net = assemble(TinyBackbone(), TinyTask().about(), AllExits()).eval()
    measured = meter.measure(Subject(net, torch.device("cpu")))
    facts.hold(isinstance(measured, Measurement), "it gives what it found")
    facts.hold(set(measured.exits) <= set(range(len(net.exits))), "its exits exist")
    facts.hold(set(measured.cuts) <= set(range(len(net.stages) + 1)), "its cuts exist")
    readings: Iterable[Reading] = (
        reading
        for part in (measured.net, *measured.exits.values(), *measured.cuts.values())
        for reading in part.values()
    )
    facts.hold(
        all(math.isfinite(r.value) and r.unit and r.source for r in readings), "readings have unit and source"
    )
    with torch.no_grad():
        Part(net, 0, 1)(net.sample.blank())
    facts.append("it leaves the network usable")
    return facts
