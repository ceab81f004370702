"""Account: everything that a run found, and the record that it comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from bench.kinds.meter import Found, Reading, Readings
from bench.machine import commit, machine, versions
from bench.measuring.crossings import Crossed
from bench.network.net import Net
from bench.network.sparse.mask import Layer, density, layers, mask_of, pattern_of
from bench.records import record as records
from bench.records.curve import Curve
from bench.records.record import Record
from bench.replay.exits.calibration import calibrated, disagreement, disagreements
from bench.replay.trace import Trace, topk
from bench.runs.request import Plan
from bench.runs.training.budget import Budget
from bench.runs.training.overhead import NAME as OVERHEAD


@dataclass(frozen=True)
class Account:
    """What one run found.

    Attributes:
        plan: what was run.
        net: trained, as unpacked from its packed bytes.
        budget: what training spent.
        calibration: what the network says of that split.
        test: what it says of that one.
        curves: of every policy.
        crossed: by cut.
        found: by each meter.
        walks: exits really taken.
        overhead: training time beside the dense network's.
        said: notes of the run.
        seconds: wall time by phase.
    """

    plan: Plan
    net: Net
    budget: Budget
    calibration: Trace
    test: Trace
    curves: list[Curve]
    crossed: dict[int, Crossed]
    found: list[Found]
    walks: list[records.Walked]
    overhead: Reading | None
    said: dict[str, Any]
    seconds: dict[str, float]

    def record(self) -> Record:
        """The record, sealed."""
        plan, order = self.plan, self.plan.order
        head, dirty = commit()
        return Record(
            digest=plan.setup.digest(),
            seed=order.seed,
            setup=plan.setup,
            budget=self.budget.spent,
            exits=self._exits(),
            cuts=self._cuts(),
            curves=self.curves,
            walks=self.walks,
            layers=self._layers(),
            net=self._whole(),
            absent={key: why for one in self.found for key, why in one.absent.items()},
            notes=self._notes(),
            training=self._training(),
            seconds=self.seconds,
            machine=machine(plan.device) | {"neighbours": order.neighbours},
            versions=versions(),
            commit=head,
            dirty=dirty,
        ).sealed()

    def _exits(self) -> list[records.Exit]:
        errors, thinking = calibrated(self.calibration, self.test), disagreements(self.test)
        return [
            records.Exit(
                stage=stage,
                readings=_accuracy(self.test, number)
                | errors[number]
                | thinking[number]
                | _merged(one.exits.get(number, {}) for one in self.found),
            )
            for number, stage in enumerate(self.net.exits)
        ]

    def _cuts(self) -> list[records.Cut]:
        net, cuts = self.net, []
        for k, shape in enumerate([net.sample.shape, *net.shapes]):
            sent = self.crossed.get(k, Crossed({}, []))
            readings = sent.readings | _merged(one.cuts.get(k, {}) for one in self.found)
            cuts.append(records.Cut(before=k, shape=list(shape), readings=readings, early=sent.early))
        return cuts

    def _layers(self) -> list[records.Layer]:
        return [
            records.Layer(
                name=name,
                shape=list(layer.get_parameter("weight").shape),
                density=density(layer),
                pattern=pattern_of(layer),
            )
            for name, layer in layers(self.net).items()
        ]

    def _whole(self) -> Readings:
        overhead = {} if self.overhead is None else {OVERHEAD: self.overhead}
        return _merged(one.net for one in self.found) | disagreement(self.test) | overhead

    def _notes(self) -> dict[str, Any]:
        net = self.net
        found: dict[str, Any] = {key: value for one in self.found for key, value in one.notes.items()}
        if severed := [name for name, layer in layers(net).items() if _severed(layer)]:
            found["disconnected layers"] = severed
        if carried := {str(k): n for k in range(len(net.stages)) if (n := net.carried(k))}:
            found["exits whose logits cross, by cut"] = carried
        if constant := [n for n, logits in enumerate(self.test.logits) if _same(logits)]:
            found["exits that answer alike whatever the input"] = constant
        return found | self.said

    def _training(self) -> list[records.EpochRow]:
        return [
            records.EpochRow(
                steps=e.steps,
                loss=e.loss,
                accuracy=e.accuracy,
                lr=e.lr,
                seconds=round(e.seconds, 3),
                macs=e.macs,
            )
            for e in self.budget.log.epochs
        ]


def _same(logits: torch.Tensor) -> bool:
    """Whether an exit gives every sample the same answer: nothing connects it to the input."""
    return len(logits) > 1 and bool(
        torch.allclose(logits, logits[:1].expand_as(logits), rtol=1e-5, atol=1e-7)
    )


def _severed(layer: Layer) -> bool:
    mask = mask_of(layer)
    return mask is not None and not bool(mask.any())


def _merged(found: Iterable[Readings]) -> Readings:
    return {name: reading for readings in found for name, reading in readings.items()}


def _accuracy(test: Trace, number: int) -> Readings:
    logits, n = test.logits[number], len(test.labels)
    return {
        f"top{k}": Reading(value=topk(logits, test.labels, k), unit="share", source="test split", n=n)
        for k in (1, 5)
    }
