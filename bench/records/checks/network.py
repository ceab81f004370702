"""Checks of what a network's layers imply: densities, MACs, parameters, bytes and modelled energy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from bench.records.checks.parts import same, value, whole
from bench.records.compare import SAME
from bench.records.energy_model import MODEL, modelled
from bench.records.reading import Reading, Readings

if TYPE_CHECKING:
    from bench.records.record import Cut, Exit, LayerRow, Record

MACS, COST = "macs", "macs.effective"
WIDTH = {None: 4, "float16": 2, "int8": 1}
"""Bytes of a packed weight, by the type of values in a setup."""
MOST_SUMS = 20_000
"""Sums of layers that may be counted once: each pair of equal layers doubles them."""


def network_faults(record: Record) -> Iterator[str]:
    """A sentence for each number of the network's size or cost that its layers, or other parts of it, contradict."""
    yield from _layers(record)
    if any(not _PLACE.fullmatch(layer.name) for layer in record.layers):
        return
    yield from _densities(record)
    yield from _macs(record)
    yield from _exits(record)
    yield from _bytes(record)


_PLACE = re.compile(r"(stages|heads)\.\d+(\..+)?")


def _stage(layer: LayerRow) -> int:
    return int(layer.name.split(".")[1])


def _is_head(layer: LayerRow) -> bool:
    return layer.name.startswith("heads.")


def _existing(layer: LayerRow) -> int:
    """The number of a layer's weights that exist."""
    return round(layer.density * math.prod(layer.shape))


def _layers(record: Record) -> Iterator[str]:
    names, heads = [layer.name for layer in record.layers], {exit_.stage for exit_ in record.exits}
    if len(set(names)) != len(names):
        yield "Two of its layers have one name."
    for layer in record.layers:
        weights = math.prod(layer.shape)
        if not _PLACE.fullmatch(layer.name):
            yield f"{layer.name!r} is no layer of a stage or a head."
        elif _stage(layer) not in (heads if _is_head(layer) else range(len(record.cuts) - 1)):
            yield f"{layer.name} lies in a stage, or hangs on one, that is not there."
        if not whole(layer.density * weights, SAME * weights + 1e-6):
            yield f"{layer.name} has {layer.density * weights:g} weights that exist."
        if layer.pattern is not None and not re.fullmatch(r"[^@]+@\d+", layer.pattern):
            yield f"{layer.name} has no pattern that anyone can make again, {layer.pattern!r}."
    severed = [layer.name for layer in record.layers if layer.density == 0]
    if severed != list(record.notes.get("disconnected layers", [])):
        yield "Its note of disconnected layers does not name those of density 0."


def _densities(record: Record) -> Iterator[str]:
    for number, exit_ in enumerate(record.exits):
        on_the_way = [layer for layer in record.layers if _stage(layer) <= exit_.stage]
        alone = [layer for layer in on_the_way if not _is_head(layer) or _stage(layer) == exit_.stage]
        yield from _density(f"exit {number}", exit_.readings, "", [alone, on_the_way])
    for cut in record.cuts[1:]:
        before = [layer for layer in record.layers if _stage(layer) < cut.before]
        yield from _density(f"cut {cut.before}", cut.readings, ".device", [before])


def _density(
    place: str, readings: Readings, part: str, choices: Sequence[Sequence[LayerRow]]
) -> Iterator[str]:
    """A part's density is that of its layers, with or without the heads that a linked head reads."""
    own, reached = readings.get(f"density{part}"), readings.get(f"density.effective{part}")
    if own is not None and not any(_made_of(own, layers) for layers in choices):
        yield f"The density of {place}, {own.value:g} of {own.n} weights, is not that of its layers."
    if own is not None and reached is not None and (reached.n != own.n or reached.value > own.value + SAME):
        yield f"At {place} more weights lie on a path than exist."


def _made_of(density: Reading, layers: Sequence[LayerRow]) -> bool:
    """Whether a density is that of layers; such as may share one tensor may be counted once."""
    n = density.n or 0
    missing = sum(math.prod(layer.shape) for layer in layers) - n
    surplus = sum(map(_existing, layers)) - density.value * n
    if missing == 0 or surplus == 0:
        return missing == 0 and whole(surplus, SAME * n + 1e-4) and round(surplus) == 0
    seen: set[tuple[object, ...]] = set()
    sums = {(0, 0)}
    for layer in layers:
        key = (tuple(layer.shape), layer.density)
        size = math.prod(layer.shape)
        if key in seen:
            sums |= {(a + size, b + _existing(layer)) for a, b in sums if a + size <= missing}
        if len(sums) > MOST_SUMS:
            return True  # as far as anyone can tell
        seen.add(key)
    return any(a == missing and abs(b - surplus) <= SAME * n + 1e-4 for a, b in sums)


def _macs(record: Record) -> Iterator[str]:
    """A stage and its head do as many MACs as their weights allow."""
    for name in (MACS, COST):
        first = value(record.cuts[0].readings, f"{name}.device") if record.cuts else None
        if first:
            yield f"Before the network {name}.device is {first:g}."
    for before, after in pairwise(record.cuts):
        dense, own = (
            (value(after.readings, f"{name}.device") or 0) - (value(before.readings, f"{name}.device") or 0)
            for name in (MACS, COST)
        )
        if f"{COST}.device" in after.readings:
            layers = [layer for layer in record.layers if _stage(layer) == before.before]
            usable = [layer for layer in record.layers if _stage(layer) <= before.before]
            yield from _stage_macs(before.before, dense, own, layers, usable, connected=_connected(after))


def _connected(cut: Cut) -> bool:
    """Whether every weight before a cut lies on a path, so that each is used."""
    own = cut.readings.get("density.effective.device")
    return own is not None and own.value == value(cut.readings, "density.device")


def _stage_macs(
    stage: int,
    dense: float,
    own: float,
    layers: Sequence[LayerRow],
    usable: Sequence[LayerRow],
    *,
    connected: bool,
) -> Iterator[str]:
    """Every use of a weight is one MAC, so a layer's share of MACs is its density; the rest has no weights.

    A block may be called again in a later stage, and its layers are listed in the first: `usable` are all layers so far.
    """
    slack = SAME * max(dense, 1)
    if not -slack <= own <= dense + slack:
        yield f"Stage {stage} does {own:g} effective MACs of {dense:g}."
    weights = sum(math.prod(layer.shape) for layer in layers)
    existing = sum(layer.density * math.prod(layer.shape) for layer in layers)
    thinnest = min((layer.density for layer in usable), default=1.0)
    rest = dense - weights
    if rest < -slack:
        if connected:
            yield f"Stage {stage} does {dense:g} MACs, and has {weights} weights."
    elif not existing + rest * thinnest - slack <= own <= existing + rest + slack:
        yield f"Stage {stage} does {own:g} effective MACs of {dense:g}, which the densities of its layers do not give."


def _exits(record: Record) -> Iterator[str]:
    """An exit costs what the device's part before the cut behind it costs, its head included."""
    before = 0.0
    for number, exit_ in enumerate(record.exits):
        behind = record.cuts[exit_.stage + 1].readings if exit_.stage + 1 < len(record.cuts) else {}
        for name in (MACS, COST, *(name for name in exit_.readings if name.startswith("bytes."))):
            one, other = value(exit_.readings, name), value(behind, f"{name}.device")
            if one is not None and other is not None and not same(one, other):
                yield f"Exit {number} says {name} is {one:g}, and the cut behind it says {other:g}."
        peak, least = value(exit_.readings, "memory"), value(behind, "memory.device")
        if peak is not None and least is not None and peak < least:
            yield f"Exit {number} needs less memory with its heads than without."
        yield from _parameters(record, number, exit_, behind)
        biases = _biases(exit_, behind)
        if biases is not None and biases < before:
            yield f"Exit {number} has fewer parameters beside its layers' weights than the one before."
        before = biases or before


def _biases(exit_: Exit, behind: Readings) -> float | None:
    """The parameters before the cut behind an exit that are no weights of a layer."""
    density, parameters = behind.get("density.device"), value(exit_.readings, "parameters")
    if density is None or parameters is None:
        return None
    return parameters - round(density.value * (density.n or 0))


def _parameters(record: Record, number: int, exit_: Exit, behind: Readings) -> Iterator[str]:
    biases, packed = _biases(exit_, behind), value(exit_.readings, "bytes.dense")
    if biases is None:
        return
    weights = behind["density.device"].n or 0
    if biases < 0:
        yield f"Exit {number} has fewer parameters than its layers have weights."
    elif packed is not None and packed < WIDTH[record.setup.values] * (weights + biases):
        yield f"Exit {number} has {weights + biases:g} parameters, more than its packed bytes hold."


def _bytes(record: Record) -> Iterator[str]:
    """Formats fit the layers; a longer part takes no less; modelled energy follows from MACs and bytes."""
    for number, exit_ in enumerate(record.exits):
        readings = exit_.readings
        forms = {name: r.value for name, r in readings.items() if name.startswith("bytes.")}
        on_the_way = [layer for layer in record.layers if _stage(layer) <= exit_.stage and layer.density < 1]
        if on_the_way and forms and "bytes.bitmap" not in forms:
            yield f"Exit {number} has hidden weights, and no bytes of a format that leaves them out."
        patterns = all(layer.pattern for layer in on_the_way)
        if on_the_way and "bytes.bitmap" in forms and patterns != ("bytes.pattern" in forms):
            yield f"Exit {number} is packed by patterns that its layers have not, or is not by those that they have."
        joules, macs = value(readings, f"energy.{MODEL}"), value(readings, COST)
        if (
            joules is not None
            and macs is not None
            and forms
            and not same(joules, modelled(macs, min(forms.values())))
        ):
            yield f"The modelled energy of exit {number} is not that of its MACs and bytes."
    for before, after in pairwise(record.cuts):
        for name in ("memory.device", "bytes.dense.device"):
            one, other = value(before.readings, name), value(after.readings, name)
            if one is not None and other is not None and one > other:
                yield f"{name} falls from {one:g} to {other:g} behind stage {before.before}."
