"""The program of a part for C, with errors that a user of the command line can mend."""

from __future__ import annotations

from torch import Tensor

from bench.errors import SeesawError
from bench.execution.int8 import part as parts
from bench.execution.int8.part import PartProgram
from bench.execution.int8.quantise import IntProgram
from bench.execution.unsupported import Unsupported
from bench.network.net import Part
from bench.shipping.c.pooled import pooled


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
    try:
        return parts.part_program(part, pooled)
    except Unsupported as error:
        raise SeesawError(_sentence(error.layer, error.action)) from error


def int_program(program: PartProgram, x: Tensor) -> IntProgram:
    """A part's program in whole numbers, with scales from calibration samples (N, ...).

    Raises:
        SeesawError: it does something that cannot be said in whole numbers.
    """
    try:
        return program.quantised(x)
    except Unsupported as error:
        advice = "pack it with --values float32"
        raise SeesawError(_sentence(error.layer, error.action, "C of int8", advice)) from error


def _sentence(layer: str, action: str, language: str = "C", advice: str = "leave --c out") -> str:
    """Why there is no C for a part."""
    place = f"The layer {layer}" if layer else "This part"
    return (
        f"{place} {action}, which cannot be said in {language}. Choose another backbone or cut, or {advice}."
    )
