"""The second half of a run: a trained network packed, traced, replayed, and measured as it was read back."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from safetensors.torch import save
from torch import Tensor

from bench.files import write_whole
from bench.kinds.bases.learned_codec import FittedCodec
from bench.kinds.codec import Codec
from bench.kinds.meter import Measurement, Meter, Subject
from bench.kinds.task import Data
from bench.machine import on_threads
from bench.measuring.behind import Crossed, crossed
from bench.measuring.crossings import codecs_at, crossings
from bench.measuring.inputs import image_codecs
from bench.measuring.learned import coder_costs, coder_times
from bench.measuring.passes import Passes
from bench.measuring.tracing import trace
from bench.measuring.walks import SAMPLES, walked
from bench.network.macs import Tariff
from bench.network.net import Net
from bench.plugins.plugin import Choice
from bench.records.curve import Curve
from bench.records.record import Walked
from bench.records.setup import DENSE
from bench.records.store import Trained
from bench.replay.exits.shipped import Shipped, recorded, shipped_by
from bench.replay.exits.states import save_states
from bench.replay.trace import Trace
from bench.runs.phases import Phases
from bench.runs.request import ResolvedRun
from bench.runs.train import dense_parent
from bench.runs.trained import check_accuracies, fingerprint
from bench.runs.training.codecs import Report, codec_cuts, fitted
from bench.shipping.packed.pack import packings, restore, rounded

SEEN = 256
"""Samples of the calibration split that meters see."""


@dataclass(frozen=True)
class MeasuredNet:
    """A network with its measurements.

    Attributes:
        net: as unpacked from its packed bytes.
        packed: the fingerprint of these bytes.
        calibration: trace of the calibration split.
        test: trace of the test split.
        curves: of every policy.
        crossed: bytes and accuracies by cut.
        readings: of every meter.
        walks: of samples from exit to exit, on the clock.
    """

    net: Net
    packed: str
    calibration: Trace
    test: Trace
    curves: list[Curve]
    crossed: dict[int, Crossed]
    readings: list[Measurement]
    walks: list[Walked]


def measure_net(
    run: ResolvedRun, net: Net, data: Data, phases: Phases, earlier: Trained | None = None
) -> MeasuredNet:
    """Measure a trained network; everything is of the network as it was read back from its packed bytes.

    Args:
        run: the request, resolved; its folder takes weights, traces and states.
        net: trained; it stays as it is.
        data: the task's splits.
        phases: the run's clock.
        earlier: the record whose weights these are, if they were trained before.

    Raises:
        SeesawError: a codec, a meter or a policy fails, or the weights are not the earlier record's.
    """
    with phases("pack"):
        net, packed = _repacked(run, net)
    with phases("trace"):
        tariff = Tariff.of(net)
        passes = Passes(net, run.device, len(data.test.labels))
        calibration, test = _traces(run, passes, data, tariff)
    if earlier is not None and all(
        getattr(earlier.record.setup, name) == getattr(run.setup, name) for name in ("values", "calibrate")
    ):
        check_accuracies(earlier, test)
    curves, shipped = _replay(run, calibration, test, phases)
    with phases("cuts") as report:
        by_cut, learned = codecs_of(run, net, data, report)
        sent = crossings(passes, data, data.test, test, by_cut, report)
        write_whole(run.files.crossings, save(sent.tensors()), "--runs")
        found = crossed(sent, test, shipped)
        for k, costs in coder_costs(learned).items():
            found[k] = found[k]._replace(readings=found[k].readings | costs)
    parent = None if run.method.name == DENSE else dense_parent(run)
    subject = Subject(
        net, run.device, values=run.values, parent=parent, tariff=tariff, inputs=lambda: _seen(run, data)
    )
    clocks = [meter for meter in run.meters if meter.plugin.quiet]
    readings = [_read(meter, subject, phases) for meter in run.meters if meter not in clocks]
    with phases.still(), on_threads(run.request.timing_threads):
        readings += [_read(meter, subject, phases) for meter in clocks]
        for k, times in (coder_times(learned) if clocks else {}).items():
            found[k] = found[k]._replace(readings=found[k].readings | times)
        walks = _walks(run, net, data, shipped, test, phases) if clocks else []
    return MeasuredNet(net, packed, calibration, test, curves, found, readings, walks)


def _seen(run: ResolvedRun, data: Data) -> Tensor:
    """The first samples of the calibration split, as the network takes them."""
    return data.scale(data.calibration.inputs[slice(0, SEEN)].to(run.device))


def codecs_of(
    run: ResolvedRun, net: Net, data: Data, report: Report
) -> tuple[dict[int, dict[str, Codec]], dict[int, dict[str, FittedCodec]]]:
    """The codecs of a run by cut and spec, and the learned ones among them, which are trained where they were not before.

    Args:
        run: whose codecs they are.
        net: trained, in eval mode.
        data: of the task.
        report: called with steps done, steps in all, and a line of text.

    Raises:
        SeesawError: a codec does not fit the task or the network.
    """
    by_cut = codecs_at(net, data.test, run.feature_codecs)
    by_cut[0] = {**by_cut[0], **image_codecs(data.test, run.input_codecs)}
    learned = _fitted(run, net, data, report)
    for k, by_spec in learned.items():
        by_cut[k] = {**by_cut[k], **by_spec}
    return by_cut, learned


def _fitted(run: ResolvedRun, net: Net, data: Data, report: Report) -> dict[int, dict[str, FittedCodec]]:
    """The learned codecs of a run by cut and spec, trained where they were not before."""
    codecs: dict[int, dict[str, FittedCodec]] = {}
    for choice in run.learned_codecs:
        for k in codec_cuts(choice, net):
            codecs.setdefault(k, {})[choice.spec] = fitted(
                choice,
                net,
                k,
                data.lent,
                batch=run.recipe.batch,
                seed=run.seed,
                folder=run.files.codecs,
                report=report,
            )
    return codecs


def _repacked(run: ResolvedRun, net: Net) -> tuple[Net, str]:
    """The network as read back from its smallest packed format, which is written; and its fingerprint."""
    net = copy.deepcopy(net).cpu().eval()
    rounded(net, run.values)
    packed = min(packings(net, run.values).values(), key=len)
    file = run.files.weights
    write_whole(file, packed, "--runs")
    restore(net, file.read_bytes())
    return net.to(run.device), fingerprint(packed)


def _traces(run: ResolvedRun, passes: Passes, data: Data, tariff: Tariff) -> tuple[Trace, Trace]:
    """The calibration and the test trace, kept in the run's folder."""
    costs = torch.tensor(
        [tariff.upto(stage, effective=True) for stage in passes.net.exits], dtype=torch.float64
    )
    calibration = trace(passes, data, data.calibration, costs)
    test = trace(passes, data, data.test, costs)
    calibration.save(run.files.calibration, split="calibration")
    test.save(run.files.test, split="test")
    return calibration, test


def _replay(
    run: ResolvedRun, calibration: Trace, test: Trace, phases: Phases
) -> tuple[list[Curve], list[Shipped]]:
    """Every policy's curve, with the states of its operating points kept in the run's folder; and those to ship."""
    curves, states = [], {}
    with phases("replay") as report:
        for number, choice in enumerate(run.policies):
            report(number, len(run.policies), choice.spec)
            curve, states[choice.spec] = recorded(choice, calibration, test)
            curves.append(curve)
        save_states(run.files.states, states)
        return curves, shipped_by(run.policies, curves, states)


def _read(meter: Choice[Meter], subject: Subject, phases: Phases) -> Measurement:
    """One meter's readings."""
    with phases(meter.name) as report:
        return meter.plugin.measure(replace(subject, report=report))


def _walks(
    run: ResolvedRun, net: Net, data: Data, shipped: Sequence[Shipped], test: Trace, phases: Phases
) -> list[Walked]:
    """Walks from exit to exit, on the clock; none for a network of one exit."""
    if len(net.exits) == 1:
        return []
    with phases("walks") as report:
        x = data.scale(data.test.inputs[:SAMPLES].to(run.device))
        return walked(net, x, shipped, test, report)
