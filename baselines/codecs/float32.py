"""Features as they are: four bytes a value, little-endian."""

import math

import numpy as np
import torch
from torch import Tensor

from bench import ByteCodec, byte_planes, from_byte_planes


class Float32(ByteCodec):
    """Four bytes a value, lossless."""

    @property
    def is_lossless(self) -> bool:
        return True

    def fixed_bytes(self, shape: tuple[int, ...]) -> int | None:
        return None if self.through else self.most_bytes(shape)

    def most_bytes(self, shape: tuple[int, ...]) -> int:
        return 4 * math.prod(shape)

    def to_bytes(self, feature: Tensor) -> bytes:
        raw = feature.numpy().astype("<f4").tobytes()
        return byte_planes(raw, 4) if self.through else raw

    def from_bytes(self, raw: bytes, shape: tuple[int, ...]) -> Tensor:
        raw = from_byte_planes(raw, 4) if self.through else raw
        return torch.from_numpy(np.frombuffer(raw, "<f4").reshape(shape).astype(np.float32))
