"""Features as they are: four bytes a value, little-endian."""

import math
from collections.abc import Sequence

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
        raw = feature.numpy().astype("<f4", copy=False).tobytes()
        return byte_planes(raw, 4) if self.through else raw

    def from_bytes(self, raw: bytes, shape: tuple[int, ...]) -> Tensor:
        raw = from_byte_planes(raw, 4) if self.through else raw
        return self._joined([raw], shape)[0]

    def decode_all(self, payloads: Sequence[bytes | memoryview], shape: tuple[int, ...]) -> Tensor:
        return super().decode_all(payloads, shape) if self.through else self._joined(payloads, shape)

    def _joined(self, payloads: Sequence[bytes | memoryview], shape: tuple[int, ...]) -> Tensor:
        """The tensor of payloads that are no further compressed, (N, *shape); they are copied once."""
        for one in payloads:
            if len(one) != self.most_bytes(shape):
                raise ValueError(f"{len(one)} bytes for {math.prod(shape)} values")
        values = np.ndarray((len(payloads), *shape), "<f4", bytearray().join(payloads))
        return torch.from_numpy(values.astype(np.float32, copy=False))
