"""Spikes: how many zeros and ones of a spiking network are ones, the additions that they cause, and the energy of these by a model.

Where a layer takes zeros and ones alone, a one costs an addition for each weight that it meets, and a zero nothing: a synaptic
operation. Where it takes other numbers, as the first layer does, and heads that read rates, each weight costs a
multiply-accumulate. Which is which is seen by running the network, not by its names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from bench.errors import counted
from bench.kinds.meter import Measurement, Meter, Subject
from bench.network.net import Net
from bench.network.sparse.mask import Layer, layers, mask_of
from bench.records.energy_model import SPIKES, modelled_spikes
from bench.records.reading import Reading, Readings

ROWS = 32
"""Samples that run at once."""
Job = Callable[[str, Tensor], None]
"""What is done with a tensor by the name of the layer that takes it, or of the stage that gives it."""


class Spikes(Meter):
    """Spikes, synaptic operations and multiply-accumulates to each exit, and their energy by a model; calibration split."""

    def measure(self, subject: Subject) -> Measurement:
        """Run samples through the network and count; no clock is read."""
        measurement, net = Measurement(), subject.net
        if subject.inputs is None:
            measurement.absent["spikes"] = "spikes hang on the inputs, and there are none here"
            return measurement
        inputs = subject.inputs()
        counts = _counts(net, inputs)
        if not counts.ones:
            measurement.absent["spikes"] = (
                "no stage gives zeros and ones alone, so nothing in this network spikes"
            )
            return measurement
        source = f"counted on {counted(len(inputs), 'sample')} of the calibration split"
        for number, stage in enumerate(net.exits):
            before = range(stage + 1)
            additions = sum(
                counts.additions[f"{part}.{one}"] for one in before for part in ("stages", "heads")
            )
            products = sum(counts.products[f"{part}.{one}"] for one in before for part in ("stages", "heads"))
            ones = sum(counts.ones.get(one, 0.0) for one in before)
            readings: Readings = {
                name: Reading(value=value / len(inputs), unit="one", source=source)
                for name, value in (("spikes", ones), ("synops", additions))
            }
            readings["macs.analog"] = Reading(value=products / len(inputs), unit="MAC", source=source)
            joules = modelled_spikes(readings["synops"].value, readings["macs.analog"].value)
            readings[f"energy.{SPIKES}"] = Reading(value=joules, unit="J", source=f"modelled, {SPIKES}")
            measurement.exits[number] = readings
        for stage, ones in counts.ones.items():
            measurement.cuts[stage + 1] = {
                "spikes": Reading(value=ones / len(inputs), unit="one", source=source)
            }
        return measurement


class _Counts:
    """Sums over samples: ones of each stage's feature, by stage; additions and products by part, such as `stages.1`."""

    def __init__(self) -> None:
        self.ones: dict[int, float] = {}
        self.additions: defaultdict[str, float] = defaultdict(float)
        self.products: defaultdict[str, float] = defaultdict(float)


def _counts(net: Net, inputs: Tensor) -> _Counts:
    """Run samples twice: first to see which layers and stages have zeros and ones alone, for all samples, then to count."""
    others: set[str] = set()
    counts, ones = _Counts(), defaultdict(float)

    def look(name: str, x: Tensor) -> None:
        if not bool(((x == 0) | (x == 1)).all()):
            others.add(name)

    def add(name: str, x: Tensor) -> None:
        layer = found.get(name)
        if layer is None:
            ones[name] += float(x.sum())
            return
        part = ".".join(name.split(".")[:2])
        if name in others:
            counts.products[part] += operations(layer, torch.ones_like(x), padded=True)
        else:
            counts.additions[part] += operations(layer, x)

    found = {name: layer for name, layer in layers(net).items() if name.split(".")[0] in ("stages", "heads")}
    for job in (look, add):
        with torch.no_grad(), _watched(net, found, job):
            for start in range(0, len(inputs), ROWS):
                net(inputs[start : start + ROWS])
    counts.ones = {
        stage: ones[f"feature.{stage}"]
        for stage in range(len(net.stages))
        if f"feature.{stage}" not in others
    }
    return counts


@contextmanager
def _watched(net: Net, found: dict[str, Layer], job: Job) -> Iterator[None]:
    """Call `job(name, tensor)` with the input of each layer and the output of each stage."""
    hooks = [layer.register_forward_pre_hook(partial(_input, job, name)) for name, layer in found.items()]
    hooks += [
        stage.register_forward_hook(partial(_output, job, f"feature.{number}"))
        for number, stage in enumerate(net.stages)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _input(job: Job, name: str, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    job(name, inputs[0])


def _output(job: Job, name: str, stage: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
    job(name, out)


def operations(layer: Layer, x: Tensor, padded: bool = False) -> float:
    """How many pairs of an input that is not zero and a weight that exists meet in a layer, summed over a batch.

    Args:
        layer: a linear layer or convolution.
        x: its input.
        padded: whether the zeros that pad it count too, as they do among MACs.
    """
    mask = mask_of(layer)
    there = torch.ones_like(layer.weight) if mask is None else mask.to(layer.weight)
    x = (x != 0).to(layer.weight)
    if isinstance(layer, nn.Linear):
        return float((x.flatten(0, -2) @ there.sum(0)).double().sum())
    if padded:  # every place of the output takes every weight
        places = layer._conv_forward(x, layer.weight, None).flatten(2).shape[2] * len(x)
        return float(there.double().sum()) * places
    grouped = there.unflatten(0, (layer.groups, -1)).sum(1)
    return float(layer._conv_forward(x, grouped, None).double().sum())
