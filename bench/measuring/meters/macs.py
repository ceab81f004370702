"""Multiply-accumulates (MACs), dense and effective, counted by PyTorch and, a second time, by fvcore."""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from bench.kinds.meter import Measurement, Meter, Subject
from bench.kinds.method import stage_of
from bench.network.macs import COUNTER, Tariff
from bench.network.net import Net
from bench.network.paths import connected, unfollowed
from bench.network.sparse.mask import Layer, mask_of, parameters, sharing
from bench.records.notes import COSTLY
from bench.records.reading import Reading

TOLERATED = 0.02


def second_count(net: Net) -> tuple[float, dict[str, int]]:
    """MACs of the whole net by fvcore, with normalisation and pooling; and calls of uncounted operators."""
    from fvcore.nn import FlopCountAnalysis

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        ghost = copy.deepcopy(net).cpu().eval()
        analysis = FlopCountAnalysis(ghost, net.sample.blank())
        for operator, macs in HANDLES.items():
            analysis.set_op_handle(operator, macs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return float(analysis.total()), dict(analysis.unsupported_ops())


def _sizes(inputs: Iterable[Any]) -> list[list[int]]:
    """The shapes of those arguments of an operator that are tensors."""
    return [one.type().sizes() for one in inputs if one.type().kind() == "TensorType"]


def _attention(inputs: list[Any], outputs: list[Any]) -> float:
    """MACs of attention, which fvcore lacks: every query with every key, every share with every value."""
    query, key, value = _sizes(inputs[:3])
    return float(math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


def _product(inputs: list[Any], outputs: list[Any]) -> float:
    """MACs of `one @ two`, of whatever numbers of dimensions: every number of the result sums over the last of `one`."""
    return float(math.prod(_sizes(outputs)[0]) * _sizes(inputs)[-2][-1])


def _bilinear(inputs: list[Any], outputs: list[Any]) -> float:
    """MACs of a bilinear layer: every output sums over the first input, and what that gives over the second."""
    weight = _sizes(inputs)[2]
    return float(math.prod(_sizes(outputs)[0]) * (weight[1] + 1) * weight[2])


HANDLES = {
    "aten::scaled_dot_product_attention": _attention,
    "aten::bilinear": _bilinear,
    **{
        f"aten::{name}": _product
        for name in ("matmul", "mm", "mv", "dot", "vdot", "bmm", "addmv", "baddbmm", "addmm")
    },
}
"""By operator, its MACs where fvcore has no rule, or one for matrices alone."""


class Macs(Meter):
    """MACs, parameters and densities of every exit and every device part; FLOPs = 2 x MACs."""

    def measure(self, subject: Subject) -> Measurement:
        """Count; no clock is read."""
        net, tariff, measurement = subject.net, subject.tariff or Tariff.of(subject.net), Measurement()
        if (name := unfollowed(net)) is not None:
            measurement.absent["density.effective"] = (
                f"paths cannot be followed through {name}: even dense, its weights seem to lead nowhere"
            )
        for number, stage in enumerate(net.exits):
            heads = {None, *net.exits[:number]} if net.linked(stage) else {None}
            measurement.exits[number] = {
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
            measurement.cuts[k] = {
                "macs.device": _macs(tariff.upto(k - 1, effective=False)),
                "macs.effective.device": _macs(tariff.upto(k - 1, effective=True), effective=True),
            }
            if k:
                side = _densities(net, alive, lambda stage, head, k=k: stage < k)
                measurement.cuts[k] |= {f"{name}.device": reading for name, reading in side.items()}
        total = tariff.upto(len(net.stages) - 1, effective=False)
        if total <= 0:
            measurement.absent["macs"] = (
                f"{COUNTER} knows none of the operators: {', '.join([*tariff.uncounted, *tariff.costly])}"
            )
        measurement.notes["uncounted operators"] = tariff.uncounted
        if tariff.costly:
            measurement.notes[COSTLY] = tariff.costly
        self._compare(net, total, measurement)
        return measurement

    def _compare(self, net: Net, total: float, measurement: Measurement) -> None:
        try:
            second, unknown = second_count(net)
        except (
            Exception
        ) as error:  # fvcore traces the model and may raise anything; the record gives the reason
            measurement.absent["macs.fvcore"] = f"fvcore failed: {type(error).__name__}: {error}"
            return
        measurement.net["macs.fvcore"] = Reading(
            value=second, unit="MAC", source="fvcore (its 'flops'), with heads"
        )
        difference = abs(second - total) / total if total else float("inf")
        if difference > TOLERATED:
            measurement.notes["counters differ"] = {
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
    """The share of a part's weights that exist, and the share that exist on a path to its logits.

    Args:
        net: the whole network; weights that its layers share count once.
        alive: the weights on a path (`connected`); None where paths cannot be followed.
        belongs: whether a layer of this stage, or of the head on this stage, is in the part.
    """
    weights: dict[tuple[Layer, ...], str] = {}
    for name, group in sharing(net).items():
        stage = stage_of(name)
        if belongs(stage, stage if name.startswith("heads.") else None):
            weights[group] = name
    size = sum(group[0].weight.numel() for group in weights)
    there = sum(
        group[0].weight.numel() if (mask := mask_of(*group)) is None else int(mask.sum()) for group in weights
    )
    reached = 0 if alive is None else sum(int(alive[name].sum()) for name in weights.values())
    if size == 0:
        return {}
    readings = {"density": Reading(value=there / size, unit="share", source="masks", n=size)}
    if alive is not None:
        readings["density.effective"] = Reading(
            value=reached / size, unit="share", source="weights on a path from the input to an answer", n=size
        )
    return readings


def _parameters(*modules: nn.Module) -> Reading:
    return Reading(
        value=parameters(nn.ModuleList(modules)), unit="one", source="parameters that exist: masks and shapes"
    )
