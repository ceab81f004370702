"""Multiply-accumulates (MACs), dense and effective, counted by PyTorch and, a second time, by fvcore."""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from bench.kinds.meter import Found, Meter, Reading, Subject
from bench.kinds.method import stage_of
from bench.network.net import Net
from bench.network.paths import connected, unfollowed
from bench.network.sparse.mask import Layer, density, layers, mask_of, masked, parameters

COUNTER = "torch.utils.flop_counter on meta"
TOLERATED = 0.02


@dataclass
class Count:
    """MACs of one static forward pass for one sample.

    Attributes:
        modules: MACs of every module, by its name in the net.
        uncounted: operators that the counter does not know, and how often they ran.
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
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket not in flop_registry and not func.is_view and func.namespace == "aten":
            self.seen[func.overloadpacket.__name__] += 1
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
    return Count(modules, dict(uncounted.seen))


@dataclass(frozen=True)
class Tariff:
    """What every stage and every head costs, dense and effective, in MACs for one sample."""

    stages: list[tuple[float, float]]
    heads: dict[int, tuple[float, float]]
    uncounted: dict[str, int]

    @classmethod
    def of(cls, net: Net) -> Tariff:
        """Count a net; effective MACs are each layer's dense ones times its density."""
        found = count(net)
        saved = {name: found.of(name) * (1 - density(layer)) for name, layer, _ in masked(net)}

        def cost(prefix: str) -> tuple[float, float]:
            dense = found.of(prefix)
            return float(dense), dense - sum(
                v for k, v in saved.items() if k == prefix or k.startswith(f"{prefix}.")
            )

        return cls(
            [cost(f"stages.{index}") for index in range(len(net.stages))],
            {stage: cost(f"heads.{stage}") for stage in net.exits},
            found.uncounted,
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
    """MACs of one training step for one sample: a forward pass, and two more backward through what is trained.

    Hidden weights cost nothing, forward or backward: what sparse execution would save is counted as saved, while a
    network that is still dense costs all of it. The input gradient of the first layer is counted with the others.
    Products without weights, such as attention's, count backward where anything in their stage or head is trained.

    Args:
        net: in training.
        trained: its parameters that are.
    """

    def __init__(self, net: Net, trained: Iterable[nn.Parameter]) -> None:
        able = set(map(id, trained))
        self.ghost = copy.deepcopy(net).to("meta")
        self.known = layers(net)
        self.able = {name for name, parameter in net.named_parameters() if id(parameter) in able}
        self.by_shape: dict[tuple[int, ...], StepCost] = {net.sample.shape: self}
        self._count(net.sample.shape)

    def _count(self, shape: tuple[int, ...]) -> None:
        found = count(self.ghost, shape)
        self.layers = [
            (layer, found.of(name) * (3.0 if f"{name}.weight" in self.able else 1.0), found.of(name))
            for name, layer in self.known.items()
        ]
        parts = [f"stages.{index}" for index in range(len(self.ghost.stages))]
        parts += [f"heads.{stage}" for stage in self.ghost.exits]
        self.others = 0.0
        for part in parts:
            own = sum(found.of(name) for name in self.known if f"{name}.".startswith(f"{part}."))
            trains = any(name.startswith(f"{part}.") for name in self.able)
            self.others += (found.of(part) - own) * (3.0 if trains else 1.0)

    def at(self, shape: tuple[int, ...]) -> StepCost:
        """The cost for samples of another shape, such as shorter texts."""
        if shape not in self.by_shape:
            self.by_shape[shape] = other = copy.copy(self)
            other._count(shape)
        return self.by_shape[shape]

    def now(self) -> float:
        """With the masks as they stand."""
        return self.others + sum(cost * density(layer) for layer, cost, _ in self.layers)

    def beyond(self, asked: Iterable[tuple[Layer, float]]) -> float:
        """What the dense weight gradients of layers cost beyond those at these densities."""
        dense = {id(layer): once for layer, _, once in self.layers}
        return sum(dense[id(layer)] * (1 - there) for layer, there in asked)


def second_count(net: Net) -> tuple[float, dict[str, int]]:
    """MACs of the whole net by fvcore, which also counts normalisation and pooling, and what it does not know."""
    from fvcore.nn import FlopCountAnalysis

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        ghost = copy.deepcopy(net).cpu().eval()
        analysis = FlopCountAnalysis(ghost, net.sample.blank())
        analysis.set_op_handle("aten::scaled_dot_product_attention", _attention)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return float(analysis.total()), dict(analysis.unsupported_ops())


def _attention(inputs: list[Any], outputs: list[Any]) -> float:
    """MACs of an attention that fvcore does not know: every query with every key, every share with every value."""
    query, key, value = (one.type().sizes() for one in inputs[:3])
    return float(math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


class Macs(Meter):
    """MACs, parameters and densities of every exit and every device part; FLOPs = 2 x MACs."""

    def measure(self, subject: Subject) -> Found:
        """Count; no clock is read."""
        net, tariff, found = subject.net, Tariff.of(subject.net), Found()
        if (name := unfollowed(net)) is not None:
            found.absent["density.effective"] = (
                f"paths cannot be followed through {name}: even dense, its weights seem to lead nowhere"
            )
        for number, stage in enumerate(net.exits):
            heads = {None, *net.exits[:number]} if net.linked(stage) else {None}
            found.exits[number] = {
                "macs": _macs(tariff.upto(stage, effective=False)),
                "macs.effective": _macs(tariff.upto(stage, effective=True), effective=True),
                "parameters": _parameters(*(_upto(net, stage))),
                **_densities(
                    net,
                    None if name else connected(net, [number]),
                    lambda s, head, e=stage, h=heads: s <= e and head in {*h, e},
                ),
            }
        alive = None if name else connected(net)
        for k in range(len(net.stages) + 1):
            found.cuts[k] = {
                "macs.device": _macs(tariff.upto(k - 1, effective=False)),
                "macs.effective.device": _macs(tariff.upto(k - 1, effective=True), effective=True),
            }
            if k:
                side = _densities(net, alive, lambda stage, head, k=k: stage < k)
                found.cuts[k] |= {f"{name}.device": reading for name, reading in side.items()}
        total = tariff.upto(len(net.stages) - 1, effective=False)
        if total <= 0:
            found.absent["macs"] = f"{COUNTER} knows none of the operators: {', '.join(tariff.uncounted)}"
        found.notes["uncounted operators"] = tariff.uncounted
        self._compare(net, total, found)
        return found

    def _compare(self, net: Net, total: float, found: Found) -> None:
        try:
            second, unknown = second_count(net)
        except Exception as error:  # fvcore traces the model: whatever it trips over is its own, and is told
            found.absent["macs.fvcore"] = f"fvcore failed: {type(error).__name__}: {error}"
            return
        found.net["macs.fvcore"] = Reading(
            value=second, unit="MAC", source="fvcore (its 'flops'), with heads"
        )
        difference = abs(second - total) / total if total else float("inf")
        if difference > TOLERATED:
            found.notes["counters differ"] = {
                COUNTER: total,
                "fvcore": second,
                "share": round(difference, 4) if total else None,
                "unknown to fvcore": unknown,
            }


def _macs(value: float, *, effective: bool = False) -> Reading:
    return Reading(
        value=value, unit="MAC", source=f"{COUNTER}{', times layer densities' if effective else ''}"
    )


def _upto(net: Net, stage: int) -> tuple[nn.Module, ...]:
    return (*net.stages[: stage + 1], *(net.head(at) for at in net.exits if at <= stage))


def _densities(
    net: Net, alive: dict[str, Tensor] | None, belongs: Callable[[int, int | None], bool]
) -> dict[str, Reading]:
    """The share of a part's weights that exist, and the share that exist on a path to its answers.

    Args:
        net: the whole network.
        alive: the weights on a path (`connected`); None where paths cannot be followed.
        belongs: whether a layer of this stage, or of the head on this stage, is in the part.
    """
    size = there = reached = 0
    for name, layer in layers(net).items():
        stage = stage_of(name)
        if belongs(stage, stage if name.startswith("heads.") else None):
            mask = mask_of(layer)
            size += layer.weight.numel()
            there += layer.weight.numel() if mask is None else int(mask.sum())
            reached += 0 if alive is None else int(alive[name].sum())
    if size == 0:
        return {}
    found = {"density": Reading(value=there / size, unit="share", source="masks", n=size)}
    if alive is not None:
        found["density.effective"] = Reading(
            value=reached / size, unit="share", source="weights on a path from the input to an answer", n=size
        )
    return found


def _parameters(*modules: nn.Module) -> Reading:
    return Reading(
        value=parameters(nn.ModuleList(modules)), unit="one", source="parameters that exist: masks and shapes"
    )
