"""ByteCodec: a codec that writes numbers as bytes, of which a general compressor may make fewer."""

from __future__ import annotations

from typing import Literal

import lz4.block
import numpy as np
import zstandard
from torch import Tensor

from bench.kinds.codec import Codec

Through = Literal["zstd", "lz4"] | None
"""A general compressor behind a codec; none where left open."""

MOST_WINDOW = 1 << 23
"""Bytes of the window that a frame may ask for; those of zstd's first level ask for less."""


class ByteCodec(Codec):
    """Defines `to_bytes` and `from_bytes`; what they exchange goes through the compressor that the spec names."""

    through: Through = None
    """a compressor of bytes behind it: zstd, or lz4, which is faster and finds less"""

    def to_bytes(self, feature: Tensor) -> bytes:
        """A feature as bytes before they are compressed."""
        raise NotImplementedError(f"{type(self).__name__} must define to_bytes(feature)")

    def from_bytes(self, raw: bytes, shape: tuple[int, ...]) -> Tensor:
        """The tensor of bytes that `to_bytes` gave, or that somebody else sent.

        Raises:
            ValueError: they are none of this shape.
        """
        raise NotImplementedError(f"{type(self).__name__} must define from_bytes(raw, shape)")

    def most_bytes(self, shape: tuple[int, ...]) -> int:
        """The most bytes that `to_bytes` gives of this shape."""
        raise NotImplementedError(f"{type(self).__name__} must define most_bytes(shape)")

    def encode(self, feature: Tensor) -> bytes:
        return compressed(self.to_bytes(feature), self.through)

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> Tensor:
        return self.from_bytes(decompressed(payload, self.through, self.most_bytes(shape)), shape)


def compressed(raw: bytes, through: str | None) -> bytes:
    """Bytes through a compressor, or as they are."""
    if through is None:
        return raw
    if through == "zstd":
        return zstandard.ZstdCompressor(level=1, write_content_size=False).compress(raw)
    return lz4.block.compress(raw, store_size=False)


def decompressed(payload: bytes, through: str | None, most: int) -> bytes:
    """The bytes that `compressed` was given.

    Args:
        payload: what it made of them, or what somebody else sent.
        through: the compressor.
        most: bytes that there can be; memory is taken for no more.

    Raises:
        ValueError: the payload is damaged, or holds more.
    """
    if through is None:
        return payload
    try:
        if through == "lz4":
            return lz4.block.decompress(payload, uncompressed_size=most)
        announced = zstandard.get_frame_parameters(payload).content_size
        if announced not in (0, zstandard.CONTENTSIZE_UNKNOWN):  # memory would be taken for all of it
            raise ValueError(f"a frame that announces {announced} bytes, as none of ours does")
        reader = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW)
        return reader.decompress(payload, max_output_size=max(most, 1), allow_extra_data=False)
    except (zstandard.ZstdError, lz4.block.LZ4BlockError) as error:
        raise ValueError(str(error)) from error


def byte_planes(raw: bytes, width: int) -> bytes:
    """Numbers of `width` bytes, turned so that their first bytes lie together, then their second ones."""
    return np.frombuffer(raw, np.uint8).reshape(-1, width).T.tobytes()


def from_byte_planes(raw: bytes, width: int) -> bytes:
    """The numbers that `byte_planes` turned.

    Raises:
        ValueError: they do not come out even.
    """
    return np.frombuffer(raw, np.uint8).reshape(width, -1).T.tobytes()
