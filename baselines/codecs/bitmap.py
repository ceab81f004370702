"""Sparse features, as behind a ReLU: a bit for each value that says whether it is zero, then the other values.

Values go as float32, which loses nothing, as float16, or as one byte each between their own minimum and maximum.
"""

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bench import ByteCodec, from_levels, packed_bytes, to_levels

LARGEST, RANGE = 65504.0, 8


class Bitmap(ByteCodec):
    """A bit a value, and behind it those that are not zero."""

    values: Literal["float32", "float16", "uint8"] = "float32"
    """numbers of the values that are not zero"""

    @property
    def is_lossless(self) -> bool:
        return self.values == "float32"

    def most_bytes(self, shape: tuple[int, ...]) -> int:
        each, more = {"float32": (4, 0), "float16": (2, 0), "uint8": (1, RANGE)}[self.values]
        return packed_bytes(1, math.prod(shape)) + each * math.prod(shape) + more

    def to_bytes(self, feature: Tensor) -> bytes:
        values = feature.numpy().astype("<f4").reshape(-1)
        there = values.view("<u4") != 0  # a negative zero is a value
        return np.packbits(there).tobytes() + self._write_values(values[there])

    def _write_values(self, values: np.ndarray) -> bytes:
        if self.values == "float32":
            return values.tobytes()
        if self.values == "float16":
            return values.clip(-LARGEST, LARGEST).astype("<f2").tobytes()
        if not len(values):
            return b""
        levels, ranges = to_levels(values[None], 8)
        return ranges + levels.tobytes()

    def from_bytes(self, raw: bytes, shape: tuple[int, ...]) -> Tensor:
        count = math.prod(shape)
        ahead = packed_bytes(1, count)
        if len(raw) < ahead:
            raise ValueError(f"{len(raw)} bytes for the bits of {count} values")
        there = np.unpackbits(np.frombuffer(raw, np.uint8, count=ahead), count=count).astype(bool)
        values = self._read_values(raw[ahead:])
        if len(values) != np.count_nonzero(there):
            raise ValueError(f"{len(values)} values for {np.count_nonzero(there)} bits")
        feature = np.zeros(count, np.float32)
        feature[there] = values
        return torch.from_numpy(feature).reshape(shape)

    def _read_values(self, raw: bytes) -> np.ndarray:
        if self.values != "uint8":
            return np.frombuffer(raw, "<f4" if self.values == "float32" else "<f2")
        if not raw:
            return np.zeros(0, np.float32)
        return from_levels(np.frombuffer(raw, np.uint8, offset=RANGE)[None], raw[:RANGE])[0]
