"""Values: the types that the numbers of a weight are written in and read back from.

float32 as they are; float16 rounded; int8 with one scale for each output, symmetric about zero. Scales have
16 significant bits, so that a scale times a whole number is exact in float32: numbers that were read back are
written again as the same bytes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from bench.errors import SeesawError

ValueType = Literal["float32", "float16", "int8"]
VALUE_TYPES: tuple[ValueType, ...] = ("float32", "float16", "int8")
LEVELS = 127
_LOW_BITS = 1 << 8


def value_type(name: str) -> ValueType:
    """The type of numbers of this name.

    Raises:
        SeesawError: there is none.
    """
    for one in VALUE_TYPES:
        if one == name:
            return one
    raise SeesawError(f"There are no values {name!r}. Choose {', '.join(VALUE_TYPES)}.")


def narrow(weight: Tensor, kind: ValueType) -> tuple[Tensor, Tensor | None]:
    """A weight as it is written.

    Args:
        weight: float32 (N_out, ...).
        kind: of the numbers.

    Returns:
        The same shape in that type, and for int8 the scales, float32 (N_out,).
    """
    if kind == "float32":
        return weight, None
    if kind == "float16":
        return weight.to(torch.float16), None
    scale = _short(weight.abs().flatten(1).amax(1) / LEVELS)
    levels = weight / torch.where(scale > 0, scale, torch.ones_like(scale)).reshape(
        -1, *[1] * (weight.dim() - 1)
    )
    return levels.round().clamp(-LEVELS, LEVELS).to(torch.int8), scale


def widen(stored: Tensor, scale: Tensor | None) -> Tensor:
    """Numbers as they are read back, float32.

    Args:
        stored: as `narrow` gave them.
        scale: that belongs to each, of a shape that fits; None where there is none.

    Raises:
        ValueError: numbers of another type.
    """
    if stored.dtype not in (torch.float32, torch.float16, torch.int8):
        raise ValueError(f"numbers of type {stored.dtype}")
    return stored.float() if scale is None else stored.float() * scale


def _short(scale: Tensor) -> Tensor:
    """Rounded up to 16 significant bits."""
    bits = scale.float().contiguous().view(torch.int32)
    return ((bits + _LOW_BITS - 1) & -_LOW_BITS).view(torch.float32)
