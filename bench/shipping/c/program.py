"""The program of a part for C: its steps, from exit to exit, over one arena."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.execution.chain.compile import program_of
from bench.execution.chain.tape import watch
from bench.execution.int8.quantise import IntProgram, quantised
from bench.execution.program.allocate import settle
from bench.execution.program.program import Input, Output, ProgramStep
from bench.execution.unsupported import FAILURES, Unsupported
from bench.network.net import Part
from bench.shipping.c.pooled import pooled


@dataclass(frozen=True)
class PartProgram:
    """What a part does to one sample, float32.

    Attributes:
        inputs: places of the input's numbers.
        stretches: the steps up to each exit, and behind the last exit those up to the feature, if any.
        logits: the first place of each exit's logits, which follow one another.
        feature: places of the feature's numbers; None for a part that ends with the last exit.
        size: floats of the arena.
    """

    inputs: np.ndarray
    stretches: list[list[ProgramStep]]
    logits: list[int]
    feature: np.ndarray | None
    size: int


def part_program(part: Part) -> PartProgram:
    """The program of a part, in eval mode.

    Raises:
        SeesawError: it does something that cannot be said in C; the sentence names the layer.
    """
    if part.incoming.carried or part.outgoing.carried:
        raise SeesawError(
            "Logits of earlier exits cross this cut with the feature, and C has no frame for them. Cut where no later "
            "head reads them, or leave --cut out."
        )
    if part.dtype != torch.float32:
        kind = str(part.dtype).removeprefix("torch.")
        raise SeesawError(_sentence(f"stages.{part.start}", f"takes {kind} and no float32"))
    example = torch.zeros(1, *part.incoming.shape)

    def run(x: Tensor) -> Sequence[Tensor]:
        out, logits = part.answers(x)
        return logits if part.final else [*logits, out]

    try:
        tape = watch(part, run, example)
        program = settle(pooled(program_of(tape, 1, tight=True, early=len(part.heads))))
    except Unsupported as error:
        raise SeesawError(_sentence(error.layer, error.action)) from error
    except FAILURES as error:
        raise SeesawError(_sentence("", f"does what no step takes ({error})")) from error
    stretches, logits, feature, inputs = [[]], [], None, np.zeros(0, int)
    for step in program.steps:
        if isinstance(step, Input):
            inputs = step.to
        elif not isinstance(step, Output):
            stretches[-1].append(step)
        elif step.number < len(part.heads):
            if step.number != len(logits):
                break
            logits.append(int(step.sources[0]))
            stretches.append([])
        else:
            feature = step.sources
    if len(logits) != len(part.heads):
        raise SeesawError(_sentence("", "has exits that are one tensor, or come in another order"))
    if feature is None:
        stretches.pop()
    size = max(buffer.base + buffer.size for buffer in program.room.buffers)
    return PartProgram(inputs, stretches, logits, feature, size)


def int_program(program: PartProgram, x: Tensor) -> IntProgram:
    """A part's program in whole numbers, with scales from calibration samples (N, ...).

    Raises:
        SeesawError: it does something that cannot be said in whole numbers.
    """
    try:
        return quantised(
            program.stretches,
            program.inputs,
            program.logits,
            program.feature,
            program.size,
            x.float().numpy(),
        )
    except Unsupported as error:
        advice = "pack it with --values float32"
        raise SeesawError(_sentence(error.layer, error.action, "C of int8", advice)) from error


def _sentence(layer: str, action: str, language: str = "C", advice: str = "leave --c out") -> str:
    """Why there is no C for a part."""
    place = f"The layer {layer}" if layer else "This part"
    return (
        f"{place} {action}, which cannot be said in {language}. Choose another backbone or cut, or {advice}."
    )
