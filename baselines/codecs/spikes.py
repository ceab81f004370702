"""Spikes: a feature of zeros and ones alone, such as spiking neurons give, as a bit for each of its values.

A byte ahead says so. A feature that has any other number has no such form, and goes as float32 behind a byte that says that.
"""

import math

import numpy as np
import torch
from torch import Tensor

from bench import ByteCodec, packed_bytes

BITS, NUMBERS = b"\x01", b"\x00"


class Spikes(ByteCodec):
    """A bit a value where all are zero or one, else float32."""

    @property
    def is_lossless(self) -> bool:
        return True

    def most_bytes(self, shape: tuple[int, ...]) -> int:
        return 1 + 4 * math.prod(shape)

    def to_bytes(self, feature: Tensor) -> bytes:
        values = feature.numpy().astype("<f4").reshape(-1)
        ones = values == 1
        bare = values.view("<u4")
        if bool((ones | (bare == 0)).all()):  # a negative zero is another number
            return BITS + np.packbits(ones).tobytes()
        return NUMBERS + values.tobytes()

    def from_bytes(self, raw: bytes, shape: tuple[int, ...]) -> Tensor:
        count, form, rest = math.prod(shape), raw[:1], raw[1:]
        if form == BITS and len(rest) == packed_bytes(1, count):
            values = np.unpackbits(np.frombuffer(rest, np.uint8), count=count).astype(np.float32)
        elif form == NUMBERS and len(rest) == 4 * count:
            values = np.frombuffer(rest, "<f4").astype(np.float32)
        else:
            raise ValueError(f"{len(raw)} bytes are no {count} spikes")
        return torch.from_numpy(values.copy()).reshape(shape)
