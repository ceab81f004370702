"""Parts as programs of one sample, from exit to exit: what is quantised, and what generated C does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.execution.chain.compile import program_of
from bench.execution.chain.tape import watch
from bench.execution.int8.quantise import IntProgram, quantised
from bench.execution.program.allocate import settle
from bench.execution.program.program import Input, Output, Program, ProgramStep
from bench.execution.unsupported import FAILURES, Unsupported, refused
from bench.network.net import Part


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

    def quantised(self, x: Tensor) -> IntProgram:
        """The same in whole numbers, with scales from calibration samples (N, ...).

        Raises:
            Unsupported: it does something that cannot be said in whole numbers.
        """
        return quantised(
            self.stretches, self.inputs, self.logits, self.feature, self.size, x.float().cpu().numpy()
        )


def part_program(part: Part, joined: Callable[[Program], Program] = lambda program: program) -> PartProgram:
    """The program of a part, in eval mode.

    Args:
        part: whose stages and heads are watched on one sample.
        joined: takes steps together before they get their places in the arena.

    Raises:
        Unsupported: it does something that no step does; the error names the layer.
    """
    if part.incoming.carried or part.outgoing.carried:
        raise refused("takes or gives logits of earlier exits beside the feature")
    if part.dtype != torch.float32:
        kind = str(part.dtype).removeprefix("torch.")
        raise refused(f"takes {kind} and no float32", f"stages.{part.start}")
    example = torch.zeros(1, *part.incoming.shape)

    def run(x: Tensor) -> Sequence[Tensor]:
        out, logits = part.answers(x)
        return logits if part.final else [*logits, out]

    try:
        tape = watch(part, run, example)
        program = settle(joined(program_of(tape, 1, tight=True, early=len(part.heads))))
    except Unsupported:
        raise
    except FAILURES as error:
        raise refused(f"does what no step takes ({error})") from error
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
        raise refused("has exits that are one tensor, or come in another order")
    if feature is None:
        stretches.pop()
    size = max(buffer.base + buffer.size for buffer in program.room.buffers)
    return PartProgram(inputs, stretches, logits, feature, size)
