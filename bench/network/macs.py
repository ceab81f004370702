"""Multiply-accumulates (MACs) of stages, heads and training steps, counted by PyTorch on the meta device."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.errors import SeesawError
from bench.network.net import Net
from bench.network.operators import COUNTED, Uncounted
from bench.network.sparse.mask import Layer, density, layers, mask_of, sharing

COUNTER = "torch.utils.flop_counter on meta"


@dataclass
class Count:
    """MACs of one static forward pass for one sample.

    Attributes:
        parts: MACs of every stage and head, such as `stages.0` and `heads.2`.
        layers: MACs of every layer by (part that it ran in, its name): a layer may serve several parts.
        uncounted: operators without a rule that are cheap, and how often they ran.
        costly: operators without a rule that are not known to be cheap, and how often they ran.
    """

    parts: Counter[str]
    layers: Counter[tuple[str, str]]
    uncounted: dict[str, int]
    costly: dict[str, int]


class _Places:
    """Counts by the part and by the layer that is running; a module that stands in several places counts in each."""

    def __init__(self, net: Net, counter: FlopCounterMode) -> None:
        self.parts: Counter[str] = Counter()
        self.layers: Counter[tuple[str, str]] = Counter()
        self.part, self._counter = "", counter
        places: dict[nn.Module, list[str]] = defaultdict(list)
        for index, stage in enumerate(net.stages):
            places[stage].append(f"stages.{index}")
        for stage in net.exits:
            places[net.head(stage)].append(f"heads.{stage}")
        for name, layer in layers(net).items():
            self._watch(layer, lambda macs, name=name: self.layers.update({(self.part, name): macs}))
        for part, names in places.items():
            self._enter(part, iter(names))

    def _watch(self, layer: Layer, add: Callable[[int], None]) -> None:
        begun: list[int] = []
        layer.register_forward_pre_hook(lambda *_: begun.append(self._counter.get_total_flops()))
        layer.register_forward_hook(lambda *_: add((self._counter.get_total_flops() - begun.pop()) // 2))

    def _enter(self, part: nn.Module, names: Iterator[str]) -> None:
        begun: list[int] = []  # empty where the module runs as a layer of another part

        def before(*_: object) -> None:
            if not self.part:
                self.part = next(names)
                begun.append(self._counter.get_total_flops())

        def after(*_: object) -> None:
            if begun:
                self.parts[self.part] += (self._counter.get_total_flops() - begun.pop()) // 2
                self.part = ""

        part.register_forward_pre_hook(before, prepend=True)
        part.register_forward_hook(after)


def count(net: Net, shape: tuple[int, ...] | None = None) -> Count:
    """Count a net on the meta device: shapes pass through it, no numbers, so nothing takes a fused shortcut.

    Args:
        net: stays as it is.
        shape: of another sample than the net's own.

    Raises:
        SeesawError: a part needs numbers, not only shapes, to run.
    """
    ghost = copy.deepcopy(net).to("meta").eval()
    x = replace(net.sample, shape=shape or net.sample.shape).blank(device="meta")
    counter, uncounted = FlopCounterMode(display=False, custom_mapping=COUNTED), Uncounted()
    places = _Places(ghost, counter)
    try:  # what a stage makes while it runs, such as a range of places, is on the meta device too
        with torch.device("meta"), torch.no_grad(), uncounted, counter:
            ghost(x)
    except RuntimeError as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise SeesawError(
            f"MACs are counted by shapes alone, and {places.part or 'the network'} needs numbers ({reason}). Compute what does "
            "not hang on the input beforehand, as a buffer, and leave out operators that PyTorch has for no meta tensors."
        ) from error
    costly = uncounted.costly(counter.get_total_flops() // 2)
    cheap = {name: calls for name, calls in uncounted.calls.items() if name not in costly}
    return Count(places.parts, places.layers, cheap, costly)


@dataclass(frozen=True)
class Tariff:
    """The cost of every stage and every head, (dense, effective), in MACs for one sample."""

    stages: list[tuple[int, int]]
    heads: dict[int, tuple[int, int]]
    uncounted: dict[str, int]
    costly: dict[str, int]

    @classmethod
    def of(cls, net: Net) -> Tariff:
        """Count a net; effective MACs are each layer's dense ones without the share of its weights that is hidden."""
        macs = count(net)
        effective = macs.parts.copy()
        masks = {name: mask_of(*group) for name, group in sharing(net).items()}
        for (part, name), dense in macs.layers.items():
            if (mask := masks[name]) is not None:
                effective[part] -= dense * int((~mask).sum()) // mask.numel()

        def cost(part: str) -> tuple[int, int]:
            return macs.parts[part], effective[part]

        return cls(
            [cost(f"stages.{index}") for index in range(len(net.stages))],
            {stage: cost(f"heads.{stage}") for stage in net.exits},
            macs.uncounted,
            macs.costly,
        )

    def upto(self, stage: int, *, effective: bool) -> int:
        """MACs of the stages up to and with this one and of the heads on the way."""
        return sum(cost[effective] for cost in self.stages[: stage + 1]) + sum(
            cost[effective] for at, cost in self.heads.items() if at <= stage
        )

    def shares(self) -> list[float]:
        """The share of the backbone's dense MACs done after each stage; equal steps where nothing is counted."""
        total = sum(dense for dense, _ in self.stages)
        if total == 0:
            return [(index + 1) / len(self.stages) for index in range(len(self.stages))]
        done, shares = 0.0, []
        for dense, _ in self.stages:
            done += dense
            shares.append(done / total)
        return shares


class StepCost:
    """MACs of one training step for one sample: a forward pass, and twice as many backward in trained layers.

    Hidden weights cost nothing, forward or backward: what sparse execution would save is counted as saved,
    while a network that is still dense costs all of it. The input gradient of the first layer is counted with
    the others. Products without weights, such as attention's, count backward where anything in their stage or
    head is trained.

    Args:
        net: in training.
        trained: those of its parameters that are trained.
    """

    def __init__(self, net: Net, trained: Iterable[nn.Parameter]) -> None:
        ids = set(map(id, trained))
        self.ghost = copy.deepcopy(net).to("meta")
        self.by_name, self.sharing = layers(net), sharing(net)
        self.trained = {name for name, layer in self.by_name.items() if id(layer.weight) in ids}
        parts = {f"stages.{index}": stage for index, stage in enumerate(net.stages)}
        parts |= {f"heads.{stage}": net.head(stage) for stage in net.exits}
        self.trains = {name: any(id(p) in ids for p in part.parameters()) for name, part in parts.items()}
        self.by_shape: dict[tuple[int, ...], StepCost] = {net.sample.shape: self}
        self._count(net.sample.shape)

    def _count(self, shape: tuple[int, ...]) -> None:
        macs = count(self.ghost, shape)
        once, others = Counter[str](), macs.parts.copy()
        for (part, name), own in macs.layers.items():
            once[name] += own
            others[part] -= own
        self.once = {id(layer): once[name] for name, layer in self.by_name.items()}
        self.layers = [
            (self.sharing[name], once[name] * (3.0 if name in self.trained else 1.0)) for name in self.by_name
        ]
        self.others = sum(others[part] * (3.0 if trains else 1.0) for part, trains in self.trains.items())

    def at(self, shape: tuple[int, ...]) -> StepCost:
        """The cost for samples of another shape, such as shorter texts."""
        if shape not in self.by_shape:
            self.by_shape[shape] = other = copy.copy(self)
            other._count(shape)
        return self.by_shape[shape]

    def now(self) -> float:
        """The cost with the masks as they stand."""
        return self.others + sum(cost * density(*group) for group, cost in self.layers)

    def beyond(self, dense_gradients: Iterable[tuple[Layer, float]]) -> float:
        """The cost of layers' dense weight gradients beyond that of gradients at these densities."""
        return sum(self.once[id(layer)] * (1 - share) for layer, share in dense_gradients)
