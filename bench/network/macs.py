"""Multiply-accumulates (MACs) of stages, heads and training steps, counted by PyTorch on the meta device."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from bench.network.net import Net
from bench.network.sparse.mask import Layer, density, layers, masked

COUNTER = "torch.utils.flop_counter on meta"


@dataclass
class Count:
    """MACs of one static forward pass for one sample.

    Attributes:
        modules: MACs of every module, by its name in the net.
        uncounted: operators that the counter has no rule for, and how often they ran.
    """

    modules: dict[str, int]
    uncounted: dict[str, int]

    def of(self, name: str) -> int:
        """MACs of one module, zero where it has none."""
        return self.modules.get(name, 0)


class _Uncounted(TorchDispatchMode):
    """Lists the operators that compute something and that the counter has no rule for."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket not in flop_registry and not func.is_view and func.namespace == "aten":
            self.operators[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def count(net: Net, shape: tuple[int, ...] | None = None) -> Count:
    """Count a net on the meta device: shapes pass through it, no numbers, so nothing takes a fused shortcut.

    Args:
        net: stays as it is.
        shape: of another sample than the net's own.
    """
    ghost = copy.deepcopy(net).to("meta").eval()
    counter, uncounted = FlopCounterMode(display=False), _Uncounted()
    with torch.no_grad(), uncounted, counter:
        ghost(replace(net.sample, shape=shape or net.sample.shape).blank(device="meta"))
    root = type(ghost).__name__
    modules = {
        name.removeprefix(f"{root}."): sum(flops.values()) // 2
        for name, flops in counter.get_flop_counts().items()
        if name.startswith(f"{root}.")
    }
    return Count(modules, dict(uncounted.operators))


@dataclass(frozen=True)
class Tariff:
    """The cost of every stage and every head, (dense, effective), in MACs for one sample."""

    stages: list[tuple[float, float]]
    heads: dict[int, tuple[float, float]]
    uncounted: dict[str, int]

    @classmethod
    def of(cls, net: Net) -> Tariff:
        """Count a net; effective MACs are each layer's dense ones times its density."""
        macs = count(net)
        saved = {name: macs.of(name) * (1 - density(layer)) for name, layer, _ in masked(net)}

        def cost(prefix: str) -> tuple[float, float]:
            dense = macs.of(prefix)
            return float(dense), dense - sum(
                v for k, v in saved.items() if k == prefix or k.startswith(f"{prefix}.")
            )

        return cls(
            [cost(f"stages.{index}") for index in range(len(net.stages))],
            {stage: cost(f"heads.{stage}") for stage in net.exits},
            macs.uncounted,
        )

    def upto(self, stage: int, *, effective: bool) -> float:
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
        self.by_name = layers(net)
        self.trained = {name for name, parameter in net.named_parameters() if id(parameter) in ids}
        self.by_shape: dict[tuple[int, ...], StepCost] = {net.sample.shape: self}
        self._count(net.sample.shape)

    def _count(self, shape: tuple[int, ...]) -> None:
        macs = count(self.ghost, shape)
        self.layers = [
            (layer, macs.of(name) * (3.0 if f"{name}.weight" in self.trained else 1.0), macs.of(name))
            for name, layer in self.by_name.items()
        ]
        parts = [f"stages.{index}" for index in range(len(self.ghost.stages))]
        parts += [f"heads.{stage}" for stage in self.ghost.exits]
        self.others = 0.0
        for part in parts:
            own = sum(macs.of(name) for name in self.by_name if f"{name}.".startswith(f"{part}."))
            trains = any(name.startswith(f"{part}.") for name in self.trained)
            self.others += (macs.of(part) - own) * (3.0 if trains else 1.0)

    def at(self, shape: tuple[int, ...]) -> StepCost:
        """The cost for samples of another shape, such as shorter texts."""
        if shape not in self.by_shape:
            self.by_shape[shape] = other = copy.copy(self)
            other._count(shape)
        return self.by_shape[shape]

    def now(self) -> float:
        """The cost with the masks as they stand."""
        return self.others + sum(cost * density(layer) for layer, cost, _ in self.layers)

    def beyond(self, dense_gradients: Iterable[tuple[Layer, float]]) -> float:
        """The cost of layers' dense weight gradients beyond that of gradients at these densities."""
        dense = {id(layer): once for layer, _, once in self.layers}
        return sum(dense[id(layer)] * (1 - share) for layer, share in dense_gradients)
