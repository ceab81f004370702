"""Compiling: the steps of a chain, made from a tape.

Batch normalisation is folded into the layer before it, additions and activations become the end of a layer,
and operators that only move numbers (views, slices, permutations, paddings) become other places to read from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from bench.execution.chain.affine import convolution, linear, normalised, scaled
from bench.execution.chain.builder import Draft, Pending, Value
from bench.execution.chain.fusions import bounded, clamped, summed
from bench.execution.chain.planes import worth_moving
from bench.execution.chain.pools import adaptive, average, largest, mean
from bench.execution.chain.tape import Call, Ref, Tape
from bench.execution.chain.views import MOVES, SAME, moved
from bench.execution.program.layout import ABSENT
from bench.execution.program.program import Affine, Each, Input, Output, Planes, Program, ProgramStep
from bench.execution.program.zeros import needed_zeros
from bench.execution.unsupported import FAILURES, Unsupported, refused

Handle = Callable[[Draft, Call], Value | Pending]

HANDLES: dict[str, Handle] = {
    "convolution": convolution,
    "addmm": lambda draft, c: linear(draft, c.args[1], c.args[2], c.args[0]),
    "mm": lambda draft, c: linear(draft, c.args[0], c.args[1], None),
    "native_batch_norm": normalised,
    "_native_batch_norm_legit_no_training": normalised,
    "cudnn_batch_norm": normalised,
    "mul.Tensor": scaled,
    "mul_.Tensor": scaled,
    "add.Tensor": summed,
    "add_.Tensor": summed,
    "relu": lambda draft, c: bounded(draft, c, 0.0, math.inf),
    "relu_": lambda draft, c: bounded(draft, c, 0.0, math.inf),
    "hardtanh": lambda draft, c: clamped(draft, c, -1.0, 1.0),
    "hardtanh_": lambda draft, c: clamped(draft, c, -1.0, 1.0),
    "clamp": lambda draft, c: clamped(draft, c, None, None),
    "mean.dim": mean,
    "_adaptive_avg_pool2d": adaptive,
    "avg_pool2d": average,
    "max_pool2d_with_indices": largest,
    **dict.fromkeys(MOVES, moved),
    **dict.fromkeys(SAME, lambda draft, c: draft.value(c.args[0])),
}
"""The function that turns an operator into steps or places, by the operator's name."""


def program_of(tape: Tape, lanes: int, *, tight: bool = False, early: int = 0) -> Program:
    """The program of a tape's operators, for blocks of so many samples.

    Args:
        tape: of the network.
        lanes: samples in a block.
        tight: whether a single sample's images lie closely (`Draft`).
        early: so many outputs, the first ones, are given as soon as they are there, one number after the other; the
            rest when all is done.

    Raises:
        Unsupported: an operator that no step does, with the layer that it stands in.
    """
    draft = Draft(tape, lanes, tight)
    if draft.single and worth_moving(draft):
        draft.moves, draft.pad = True, 0
    stops = {output: number for number, output in enumerate(tape.outputs[:early])}
    _, places = draft.made(tape.sample)
    draft.steps.append(Input(places.reshape(-1)))
    draft.values[0] = places[None]
    for call in tape.calls:
        first = len(draft.steps)
        try:
            if call.name not in HANDLES:
                raise refused(f"does {call.name}")
            value = draft.values[call.out] = HANDLES[call.name](draft, call)
        except Unsupported as error:
            error.layer = error.layer or call.layer
            raise
        except FAILURES as error:
            raise refused(f"does {call.name} in a way that no step takes ({error})", call.layer) from error
        _name(call.layer, [*draft.steps[first:], *([value.layer] if isinstance(value, Pending) else [])])
        if call.out in stops:
            _give(draft, stops[call.out], call.out, straight=True)
    for number, output in list(enumerate(tape.outputs))[early:]:
        _give(draft, number, output)
    steps = needed_zeros(draft.steps, draft.room)
    return Program(steps, draft.room, [math.prod(shape) for shape in tape.shapes], tape.shapes)


def _name(layer: str, steps: Sequence[ProgramStep]) -> None:
    """Let steps that have no name yet bear that of a layer."""
    for step in steps:
        if isinstance(step, Affine | Each | Planes) and not step.layer:
            step.layer = layer


def _give(draft: Draft, number: int, output: int, straight: bool = False) -> None:
    """Let an output's numbers be read, copied where some stand nowhere, or where they are to follow one another."""
    places = draft.value(Ref(output)).reshape(-1)
    apart = straight and not np.array_equal(places, places[0] + np.arange(len(places)) * draft.lanes)
    if apart or (places == ABSENT).any():
        places = draft.copied(places)
    draft.steps.append(Output(number, places))
