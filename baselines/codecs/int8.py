"""Affine 8-bit features: one byte a value behind the sample's own minimum and step (two float32)."""

import math

import numpy as np
import torch
from torch import Tensor

from bench import Codec


class Int8(Codec):
    """One byte a value, and 8 bytes for minimum and step."""

    def fixed_bytes(self, shape: tuple[int, ...]) -> int | None:
        return 8 + math.prod(shape)

    def encode(self, feature: Tensor) -> bytes:
        values = feature.numpy()
        low = np.float32(values.min())
        step = np.float32((values.max() - low) / 255) or np.float32(1)
        levels = np.rint((values - low) / step).clip(0, 255).astype(np.uint8)
        return np.array([low, step], "<f4").tobytes() + levels.tobytes()

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        low, step = np.frombuffer(payload, "<f4", count=2)
        levels = np.frombuffer(payload, np.uint8, offset=8)
        return torch.from_numpy(levels.astype(np.float32) * step + low).reshape(shape)
