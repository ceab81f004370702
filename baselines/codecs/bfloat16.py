"""Features with the range of float32 and seven bits behind the point: two bytes a value, little-endian (bfloat16).

Rounded to nearest, ties to even; infinities stay, and so do numbers that are none.
"""

import math

import numpy as np
import torch
from torch import Tensor

from bench import ByteCodec, byte_planes, from_byte_planes


class Bfloat16(ByteCodec):
    """Two bytes a value, as wide a range as float32 has."""

    def fixed_bytes(self, shape: tuple[int, ...]) -> int | None:
        return None if self.through else self.most_bytes(shape)

    def most_bytes(self, shape: tuple[int, ...]) -> int:
        return 2 * math.prod(shape)

    def to_bytes(self, feature: Tensor) -> bytes:
        raw = feature.to(torch.bfloat16).view(torch.int16).numpy().astype("<i2").tobytes()
        return byte_planes(raw, 2) if self.through else raw

    def from_bytes(self, raw: bytes, shape: tuple[int, ...]) -> Tensor:
        raw = from_byte_planes(raw, 2) if self.through else raw
        high = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
        return torch.from_numpy(high.view(np.float32)).reshape(shape)
