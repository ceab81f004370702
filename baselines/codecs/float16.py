"""Features in half precision: two bytes a value, little-endian; too large ones become the largest number."""

import math

import numpy as np
import torch
from torch import Tensor

from bench import ByteCodec, byte_planes, from_byte_planes

LARGEST = 65504.0


class Float16(ByteCodec):
    """Two bytes a value."""

    def fixed_bytes(self, shape: tuple[int, ...]) -> int | None:
        return None if self.through else self.most_bytes(shape)

    def most_bytes(self, shape: tuple[int, ...]) -> int:
        return 2 * math.prod(shape)

    def to_bytes(self, feature: Tensor) -> bytes:
        raw = feature.clamp(-LARGEST, LARGEST).numpy().astype("<f2").tobytes()
        return byte_planes(raw, 2) if self.through else raw

    def from_bytes(self, raw: bytes, shape: tuple[int, ...]) -> Tensor:
        raw = from_byte_planes(raw, 2) if self.through else raw
        return torch.from_numpy(np.frombuffer(raw, "<f2").astype(np.float32)).reshape(shape)
