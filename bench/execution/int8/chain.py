"""Chains of whole numbers: a part in eight bits, in one native call a batch, exactly as `IntProgram.run` and the C."""

from __future__ import annotations

from torch import Tensor

from bench.execution import native
from bench.execution.int8.encode import IntEncoder
from bench.execution.int8.forms import FormChoice
from bench.execution.int8.part import part_program
from bench.execution.int8.quantise import IntProgram
from bench.execution.unsupported import Unsupported
from bench.network.net import Part


class IntChain:
    """A program of whole numbers as one native call.

    Args:
        program: of one sample.
        lanes: samples in a block; a batch of any size runs block by block.
        shape: of the feature, without the batch; None for a part that ends with the last exit.
        form: chooses the form of a layer; None takes the fastest on this machine.

    Raises:
        Unsupported: there are no native kernels here.
    """

    def __init__(
        self, program: IntProgram, lanes: int, shape: tuple[int, ...] | None, form: FormChoice | None = None
    ) -> None:
        self.code, self.shape = IntEncoder(program, lanes, form).code(), shape
        kernels = native.classes()
        assert kernels is not None
        self._native = kernels.WholeChain(*self.code.arguments)

    def __call__(self, x: Tensor) -> list[Tensor]:
        """The outputs of `Part.run`: the feature, or the last exit's logits, and the logits of every exit; float32."""
        outputs = self._native.run(x.contiguous())
        if self.shape is None:
            return [outputs[-1], *outputs]
        return [outputs[-1].reshape(-1, *self.shape), *outputs[:-1]]


def quantised_part(part: Part, calibration: Tensor) -> IntProgram:
    """A part in whole numbers.

    Args:
        part: in eval mode.
        calibration: inputs by which the scales are set, float32 (N, ...), of the calibration split.

    Raises:
        Unsupported: it does something that cannot be said in whole numbers.
    """
    try:
        return part_program(part).quantised(calibration)
    except Unsupported as error:
        raise Unsupported(
            f"This part {error.action}, which cannot be computed in whole numbers. Leave int8 out for it."
        ) from error


def int_chained(part: Part, program: IntProgram, *, lanes: int, form: FormChoice | None = None) -> IntChain:
    """A part as a chain of whole numbers that takes so many samples side by side."""
    return IntChain(program, lanes, None if part.final else tuple(part.outgoing.shape), form)
