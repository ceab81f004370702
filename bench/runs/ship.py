"""A run's trained network on its way into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.bases.learned_codec import LearnedCodec
from bench.kinds.codec import Codec
from bench.kinds.task import Data, Scale
from bench.measuring.tracing import batches
from bench.network.net import Net
from bench.network.sparse.values import value_type
from bench.plugins.plugin import Choice, choose
from bench.records.run_files import RunFiles
from bench.records.setup import Preprocessing, plan_of
from bench.replay.exits.shipped import shipped_by
from bench.replay.exits.states import load_states
from bench.runs.command import training_command
from bench.runs.request import ResolvedRun
from bench.runs.trained import network_of
from bench.runs.training.codecs import fitted
from bench.shipping.c.write import hold_plain
from bench.shipping.parts import Shipment

AT_INPUT = "picture[format=values]"
"""The codec at cut 0 where none is named: the image as it is."""
CALIBRATED = 256
"""Samples of the calibration split, from its first, from which C of int8 has its scales."""
NAMED = 3
"""Records of other trainings that a sentence names, at most."""
CHECKED = 16
"""Test samples on which parts are checked that are packed to be served at once."""


def shipment_of(
    run: ResolvedRun,
    folder: Path,
    *,
    samples: int,
    values: str | None = None,
    form: str | None = None,
    cut: int | None = None,
    by_exit: bool = False,
    codec: str | None = None,
    c: bool = False,
) -> Shipment:
    """The network that a run trained, with the facts for its manifest and test samples to check the files on.

    Args:
        run: whose record and weights lie in its store.
        folder: where the files go.
        samples: of the test split, from its first.
        values: type of the numbers; the run's where left out.
        form: of the indices; the smallest where left out.
        cut: first stage of the server's part; 0 sends the image.
        by_exit: whether there is a part for each exit, with the policies that decide who leaves.
        codec: spec of the codec at the cut, which is trained where no run has done so; none where left out, at cut 0 the image's values.
        c: whether the parts are written as C too, with the policies that decide there.

    Raises:
        SeesawError: it was not trained here, there are no such values, or C has not what is asked for.
    """
    if c:
        hold_plain(value_type(values or run.values), by_exit, codec)
    if c and cut == 0:
        raise SeesawError(
            "Before cut 0 a device computes nothing, so there is no C of it. Leave --c or --cut 0 out."
        )
    trained = run.trained()
    if trained is None:
        request = run.request
        raise SeesawError(
            f"There are no weights of {run.setup.model} on {run.task.spec}, seed {run.seed}, in {request.runs}. "
            f"{_others(run)} it: {training_command(run)}"
        )
    data, sample = run.splits(), run.about.sample
    if cut == 0:
        _hold_image(run, data)
        codec = codec or AT_INPUT
    about = {
        "task": run.task.spec, "backbone": run.backbone.spec, "method": run.method.spec, "exits": run.exits.spec,
        "seed": run.seed, "record": trained.record.digest, "shape": sample.shape,
        "dtype": str(sample.dtype).removeprefix("torch."), "vocabulary": sample.vocabulary, "classes": run.about.classes,
        "inputs": run.setup.inputs, "scale": _scale(data, sample.shape),
    }  # fmt: skip
    curves = trained.record.curves
    leaves = by_exit or c or cut is not None
    decided = leaves and any(curve.shipped is not None and not curve.reference for curve in curves)
    states = load_states(RunFiles(trained.weights.parent).states) if decided else {}
    net = network_of(run, trained)
    return Shipment(
        net,
        data.scale(data.test.inputs[:samples]),
        about,
        folder,
        value_type(values or run.values),
        form,
        cut,
        by_exit,
        shipped_by(run.policies, curves, states) if leaves else [],
        None if codec is None else _codec(run, net, data, codec, cut),
        data.scale(data.calibration.inputs[:CALIBRATED]) if c else None,
        (lambda: _test(data)) if c else None,
    )


def _others(run: ResolvedRun) -> str:
    """The records of a model's other trainings that have weights, three at most, and a verb for what else to do."""
    found = list(run.store.trainings(run.setup, run.seed).items())
    if not found:
        return "Train"
    names = "; ".join(f"{path} ({one.setup.model}, {plan_of(one.setup)})" for path, one in found[:NAMED])
    more = f"; {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"Other settings have weights there: {names}{more}. Name such a record, or train"


def codecs_at(cuts: Sequence[int], specs: Sequence[str]) -> dict[int, str | None]:
    """The spec of the codec at each cut, None for the usual one: of inputs at cut 0, of features behind it.

    Raises:
        SeesawError: several are named for one kind of cut, or one for none of these cuts.
    """
    found: dict[str, str | None] = {"input": None, "feature": None}
    for spec in specs:
        choice = choose(Codec, spec)
        content = "input" if choice.plugin.content == "input" else "feature"
        if found[content] is not None:
            raise SeesawError(f"{found[content]} and {choice.spec} both send {content}s. Name one of them.")
        if not any((cut == 0) == (content == "input") for cut in cuts):
            where = "cut 0 alone" if content == "input" else "cuts behind the first stage alone"
            raise SeesawError(
                f"{choice.spec} sends {content}s, at {where}. Name such a cut, or another codec."
            )
        found[content] = spec
    return {cut: found["feature" if cut else "input"] for cut in cuts}


def packed_cuts(
    run: ResolvedRun,
    folder: Path,
    codecs: Mapping[int, str | None],
    report: Callable[[str], object] = lambda line: None,
) -> list[Path]:
    """Write both parts of several cuts of a run's network, as `seesaw pack --cut` does: a folder for each.

    Args:
        run: whose record and weights lie in its store.
        folder: for the folders `cut0`, `cut1` and so on.
        codecs: by cut, the spec of the codec; None for the usual one.
        report: called with a line of text before each.

    Raises:
        SeesawError: as `shipment_of`.
    """
    folders = []
    for cut, codec in codecs.items():
        report(f"Packing {run.setup.model} at cut {cut} ...")
        folders.append(folder / f"cut{cut}")
        shipment_of(run, folders[-1], samples=CHECKED, cut=cut, codec=codec).pack()
    return folders


def _hold_image(run: ResolvedRun, data: Data) -> None:
    """See that the inputs are images of 8 bits, as the network takes them.

    Raises:
        SeesawError: they are none.
    """
    inputs = data.test.inputs
    if _scale(data, run.about.sample.shape) is None or inputs.dtype != torch.uint8 or inputs.dim() != 4:
        raise SeesawError(
            f"Cut 0 sends images of 8 bits, and {run.task.spec} has other inputs. Cut behind the first stage: --cut 1."
        )


def _test(data: Data) -> Iterator[tuple[Tensor, Tensor]]:
    """The test split in batches: inputs as the network takes them, and labels."""
    for rows in batches(data.test):
        yield data.scale(data.test.inputs[rows]), data.test.labels[rows]


def _scale(data: Data, shape: tuple[int, ...]) -> Preprocessing | None:
    """How images of 8 bits become inputs; None for what is no image, or scaled by a function of the task's own."""
    if not isinstance(data.scale, Scale) or len(shape) != 3:
        return None
    return Preprocessing(
        mean=data.scale.mean, std=data.scale.std, size=shape[-1] if shape[1] == shape[2] else None
    )


def _codec(run: ResolvedRun, net: Net, data: Data, spec: str, cut: int | None) -> tuple[str, Codec]:
    """A codec for the cut, by its spec; a learned one as the run has trained it, or trained now.

    Raises:
        SeesawError: there is no cut, it is a codec of inputs, or of another cut.
    """
    if cut is None:
        raise SeesawError("A codec stands at a cut. Name one: --cut K.")
    choice = choose(Codec, spec)
    if cut == 0:
        if choice.plugin.content != "input":
            raise SeesawError(
                f"{choice.spec} sends features, and cut 0 sends inputs. Name {AT_INPUT}, or another picture."
            )
        return choice.spec, choice.plugin
    if choice.plugin.content != "feature":
        raise SeesawError(f"{choice.spec} sends inputs, and a cut sends features. Name another codec.")
    if not isinstance(choice.plugin, LearnedCodec):
        return choice.spec, choice.plugin
    learned = Choice(choice.plugin, choice.name, choice.origin, choice.place)
    net.inner_cut(cut)
    if not choice.plugin.is_at(cut):
        raise SeesawError(f"{choice.spec} is not trained at cut {cut}. Leave its cuts out, or name that one.")
    folder = run.files.codecs
    return choice.spec, fitted(
        learned, net, cut, data.lent, batch=run.recipe.batch, seed=run.seed, folder=folder
    )
