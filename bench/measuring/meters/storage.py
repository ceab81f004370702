"""Storage: bytes as packed, each written, read back and found equal."""

from __future__ import annotations

from torch import nn

from bench.kinds.meter import Measurement, Meter, Subject
from bench.network.net import Part
from bench.network.sparse.values import ValueType
from bench.records.reading import Reading, Readings
from bench.shipping.packed.pack import Written, packings


class Storage(Meter):
    """Packed bytes of every exit's and every device's part, in every format that applies."""

    def measure(self, subject: Subject) -> Measurement:
        """Pack and unpack each part."""
        net, measurement = subject.net, Measurement()
        parts = [Part(net, 0, k) for k in range(len(net.stages) + 1)]
        known: Written = {}
        packed = [_packed(part, subject.values, known) for part in parts]
        for number, stage in enumerate(net.exits):
            measurement.exits[number] = packed[stage + 1]
        for k in range(1, len(parts)):
            measurement.cuts[k] = {f"{name}.device": reading for name, reading in packed[k].items()}
        if "bytes.bitmap" in packed[-1] and "bytes.pattern" not in packed[-1]:
            measurement.absent["bytes.pattern"] = "no pattern makes these masks again"
        return measurement


def _packed(part: nn.Module, values: ValueType, known: Written) -> Readings:
    return {
        f"bytes.{form}": Reading(value=len(data), unit="B", source="safetensors file, read back equal")
        for form, data in packings(part, values, known).items()
    }
