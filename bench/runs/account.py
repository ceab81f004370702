"""Account: the results of training and measuring, as a record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from bench.execution.native import conditions
from bench.machine import commit, versions
from bench.measuring.behind import Crossed
from bench.network.graph.capture import names_of
from bench.network.sparse.mask import Layer, density, layers, mask_of, pattern_of, sharing
from bench.records.notes import FIXED, INPUTS, LOSSLESS, PACKED, STAGES
from bench.records.reading import Readings
from bench.records.record import CALIBRATED, Cut, Exit, LayerRow, Record
from bench.replay.exits.calibration import accuracies, calibrated, disagreement, disagreements
from bench.replay.exits.scores import top
from bench.runs.measure import MeasuredNet
from bench.runs.request import ResolvedRun
from bench.runs.train import TrainedNet
from bench.runs.training.overhead import NAME as OVERHEAD


@dataclass(frozen=True)
class Account:
    """All results of a run.

    Attributes:
        run: the request, resolved.
        trained: the network after training.
        measured: the network as read back from its packed bytes, with its measurements.
        seconds: wall time by phase.
    """

    run: ResolvedRun
    trained: TrainedNet
    measured: MeasuredNet
    seconds: dict[str, float]

    def record(self) -> Record:
        """The record, sealed."""
        run, measured = self.run, self.measured
        head, dirty = commit()
        return Record(
            digest=run.setup.digest(),
            seed=run.seed,
            setup=run.setup,
            budget=self.trained.spent,
            exits=self._exits(),
            cuts=self._cuts(),
            curves=measured.curves,
            walks=measured.walks,
            layers=self._layers(),
            net=self._whole(),
            absent={key: why for one in measured.readings for key, why in one.absent.items()},
            notes=self._notes(),
            training=self.trained.epochs,
            seconds=self.seconds,
            machine=conditions(run.device)
            | {name: getattr(run.request, name) for name in ("timing_threads", "neighbours")},
            versions=versions(),
            commit=head,
            dirty=dirty,
        ).sealed()

    def _exits(self) -> list[Exit]:
        traces, meters = (self.measured.calibration, self.measured.test), self.measured.readings
        by_exit = zip(accuracies(*traces), calibrated(*traces), disagreements(traces[1]), strict=True)
        return [
            Exit(
                stage=stage,
                readings=_merged(own) | _merged(one.exits.get(number, {}) for one in meters),
            )
            for number, (stage, own) in enumerate(zip(self.measured.net.exits, by_exit, strict=True))
        ]

    def _cuts(self) -> list[Cut]:
        net, cuts = self.measured.net, []
        for k, shape in enumerate([net.sample.shape, *net.shapes]):
            sent = self.measured.crossed.get(k, Crossed({}, []))
            readings = sent.readings | _merged(one.cuts.get(k, {}) for one in self.measured.readings)
            cuts.append(Cut(before=k, shape=list(shape), readings=readings, early=sent.early))
        return cuts

    def _layers(self) -> list[LayerRow]:
        groups = sharing(self.measured.net)
        return [
            LayerRow(
                name=name,
                shape=list(layer.get_parameter("weight").shape),
                density=density(*groups[name]),
                pattern=pattern_of(layer),
            )
            for name, layer in layers(self.measured.net).items()
        ]

    def _whole(self) -> Readings:
        reading = self.trained.overhead
        overhead = {} if reading is None else {OVERHEAD: reading}
        own = _merged(one.net for one in self.measured.readings)
        return own | disagreement(self.measured.test) | overhead

    def _notes(self) -> dict[str, Any]:
        net = self.measured.net
        notes: dict[str, Any] = {
            key: value for one in self.measured.readings for key, value in one.notes.items()
        }
        if severed := [name for name, layer in layers(net).items() if _severed(layer)]:
            notes["disconnected layers"] = severed
        if carried := {str(k): n for k in range(len(net.stages)) if (n := net.carried(k))}:
            notes["exits whose logits cross, by cut"] = carried
        if names := names_of(net.stages):
            notes[STAGES] = names
        notes |= self._claims()
        if constant := [n for n, logits in enumerate(self.measured.test.logits) if _same(logits)]:
            notes["exits that answer alike whatever the input"] = constant
        if self.run.setup.weights is not None and self.run.setup.calibrate is None:
            notes[CALIBRATED] = self._foreign()
        if (inputs := self.run.setup.inputs) is not None:
            notes[INPUTS] = inputs.model_dump(mode="json", exclude_none=True)
        return notes | {PACKED: self.measured.packed} | self.trained.notes

    def _claims(self) -> dict[str, Any]:
        """What the run's codecs promise: which lose nothing, and the bytes of those whose payloads are all of one size."""
        net, sizes, lossless = self.measured.net, {}, []
        for k, shape in enumerate([net.sample.shape, *net.shapes[:-1]]):
            codecs = self.run.feature_codecs if k else self.run.input_codecs  # learned ones promise nothing
            lossless += [one.spec for one in codecs if one.plugin.is_lossless and one.spec not in lossless]
            by_codec = {one.spec: one.plugin.fixed_bytes(shape) for one in codecs}
            sizes[str(k)] = {spec: size for spec, size in by_codec.items() if size is not None}
        claims: dict[str, Any] = {
            LOSSLESS: lossless,
            FIXED: {k: by_codec for k, by_codec in sizes.items() if by_codec},
        }
        return {key: value for key, value in claims.items() if value}

    def _foreign(self) -> str:
        """Of given weights, what their training may have seen."""
        seen, unseen = (
            top(one.logits[-1], one.labels, 1) for one in (self.measured.calibration, self.measured.test)
        )
        return (
            "thresholds and temperatures are set on the calibration split, which the training of the given weights may have "
            f"seen (top-1 {seen:.1%} there, {unseen:.1%} on the test split). Set them on a part of the test split instead: "
            "--calibrate test"
        )


def _same(logits: torch.Tensor) -> bool:
    """Whether an exit gives every sample the same logits: nothing connects it to the input."""
    return len(logits) > 1 and bool(
        torch.allclose(logits, logits[:1].expand_as(logits), rtol=1e-5, atol=1e-7)
    )


def _severed(layer: Layer) -> bool:
    """Whether a layer's mask hides all of its weights."""
    mask = mask_of(layer)
    return mask is not None and not bool(mask.any())


def _merged(groups: Iterable[Readings]) -> Readings:
    return {name: reading for readings in groups for name, reading in readings.items()}
