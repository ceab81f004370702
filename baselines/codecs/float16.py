"""Features in half precision: two bytes a value, little-endian; too large ones become the largest number."""

import numpy as np
import torch
from torch import Tensor

from bench import Codec

LARGEST = 65504.0


class Float16(Codec):
    """Two bytes a value."""

    def encode(self, feature: Tensor) -> bytes:
        return feature.clamp(-LARGEST, LARGEST).numpy().astype("<f2").tobytes()

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(np.frombuffer(payload, "<f2").astype(np.float32)).reshape(shape)
