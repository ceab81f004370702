"""Codec: a feature tensor to bytes and back."""

from __future__ import annotations

import math
import struct
import zlib
from typing import ClassVar

from torch import Tensor

from bench.errors import SeesawError
from bench.plugins.plugin import Plugin

_MAGIC = b"SW"
_HEAD = struct.Struct("<2sBBII")  # magic, version, dimensions, payload length, CRC-32 of all behind the head
_DIMENSION = struct.Struct("<I")
MAX_PAYLOAD = 1 << 30


class Codec(Plugin):
    """The contract: `decode(encode(x), x.shape)` is x, or near it; the payload is `len(encode(x))`."""

    kind: ClassVar[str] = "codec"

    def encode(self, feature: Tensor) -> bytes:
        """One sample's tensor, float32 on the CPU, as bytes."""
        raise NotImplementedError(f"{type(self).__name__} must define encode(feature)")

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        """The bytes as a float32 tensor of this shape."""
        raise NotImplementedError(f"{type(self).__name__} must define decode(payload, shape)")


def frame(payload: bytes, shape: tuple[int, ...]) -> bytes:
    """A payload as it travels: a head of 12 bytes, 4 a dimension, then the payload."""
    body = b"".join(_DIMENSION.pack(size) for size in shape) + payload
    return _HEAD.pack(_MAGIC, 1, len(shape), len(payload), zlib.crc32(body)) + body


def unframe(message: bytes) -> tuple[bytes, tuple[int, ...]]:
    """The payload and the shape of a frame.

    Raises:
        SeesawError: cut short, damaged, too large, or no frame at all.
    """
    try:
        magic, version, dimensions, length, checksum = _HEAD.unpack_from(message)
    except struct.error as error:
        raise SeesawError("A frame is shorter than its head. Ask for it again.") from error
    if magic != _MAGIC or version != 1:
        raise SeesawError("A message is no frame of this version. Use the same seesaw-bench on both sides.")
    body = message[_HEAD.size :]
    expected = dimensions * _DIMENSION.size + length
    if length > MAX_PAYLOAD or len(body) != expected or zlib.crc32(body) != checksum:
        raise SeesawError(f"A frame is damaged: {len(body)} bytes for {expected}. Ask for it again.")
    shape = tuple(size for (size,) in _DIMENSION.iter_unpack(body[: dimensions * _DIMENSION.size]))
    if math.prod(shape) > MAX_PAYLOAD:
        raise SeesawError(
            f"A frame speaks of a tensor of shape {shape}, which is too large. Send smaller ones."
        )
    return body[dimensions * _DIMENSION.size :], shape
