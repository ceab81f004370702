"""Affine features of few bits: evenly spaced numbers from the minimum to the maximum of the sample, or of each channel.

Ahead of the numbers stand minimum and step of each group, two float32. Plain, numbers are packed bit by bit; a compressor
takes one a byte, of which it makes less.
"""

import math
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from bench import ByteCodec, from_levels, pack_bits, packed_bytes, to_levels, unpack_bits

RANGE = 8


class Uint(ByteCodec):
    """One to eight bits a value, and 8 bytes for minimum and step of the sample or of each channel."""

    bits: Annotated[int, Field(ge=1, le=8)] = 8
    """of each value"""
    per: Literal["tensor", "channel"] = "tensor"
    """what has a range of its own; a feature without channels has one"""

    @property
    def tolerance(self) -> float:
        return 0.5001 / (2**self.bits - 1)

    def fixed_bytes(self, shape: tuple[int, ...]) -> int | None:
        return (
            None if self.through else RANGE * self._groups(shape) + packed_bytes(self.bits, math.prod(shape))
        )

    def most_bytes(self, shape: tuple[int, ...]) -> int:
        return RANGE * self._groups(shape) + math.prod(shape)

    def _groups(self, shape: tuple[int, ...]) -> int:
        return shape[0] if self.per == "channel" and len(shape) > 1 else 1

    def to_bytes(self, feature: Tensor) -> bytes:
        rows = feature.numpy().reshape(self._groups(tuple(feature.shape)), -1)
        levels, ranges = to_levels(rows, self.bits)
        return ranges + (levels.tobytes() if self.through else pack_bits(levels, self.bits))

    def from_bytes(self, raw: bytes, shape: tuple[int, ...]) -> Tensor:
        groups, count = self._groups(shape), math.prod(shape)
        ranges, packed = raw[: RANGE * groups], raw[RANGE * groups :]
        levels = unpack_bits(packed, 8 if self.through else self.bits, count)
        if self.through and levels.max(initial=0) >= 2**self.bits:
            raise ValueError(f"a number of more than {self.bits} bits")
        return torch.from_numpy(from_levels(levels.reshape(groups, -1), ranges).astype(np.float32)).reshape(
            shape
        )
