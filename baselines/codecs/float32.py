"""Features as they are: four bytes a value, little-endian."""

import numpy as np
import torch
from torch import Tensor

from bench import Codec


class Float32(Codec):
    """Four bytes a value, lossless."""

    def encode(self, feature: Tensor) -> bytes:
        return feature.numpy().astype("<f4").tobytes()

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(np.frombuffer(payload, "<f4").astype(np.float32)).reshape(shape)
