"""Frames: payloads as they travel between device and server; measuring counts the same bytes.

A frame is a head of 12 bytes, then 4 bytes for each size of the tensor's shape, then the payload. The head
holds the letters SW, the version, the kind of content and how many sizes follow (four bits each), the
payload's length, and a CRC-32 of everything else. A message is one frame or several in a row. Numbers are
little-endian.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from bench.errors import SeesawError

try:
    from zlib_ng.zlib_ng import crc32  # the same sums, in a fifth of the time
except ImportError:
    from zlib import crc32

Content = Literal["feature", "logits", "input"]
"""The kinds of payload: a feature through a codec, logits of earlier exits in float32, or an input."""

Payload = bytes | memoryview
"""The bytes of a payload or a message, or a view of them."""

_CONTENTS: tuple[Content, ...] = get_args(Content)
_MAGIC, _VERSION = b"SW", 2
_START, _END = struct.Struct("<2sBBI"), struct.Struct("<I")
HEAD = _START.size + _END.size
"""Bytes of a frame's head."""
MAX_PAYLOAD, MAX_SIZES = 1 << 30, 8
"""The most bytes of a payload, or numbers of its tensor; the most sizes of its shape."""


class Frame(NamedTuple):
    """One payload, the shape of its tensor without the batch, and its kind of content.

    The payload is a view of the message where that was read as a view: nothing is copied.
    """

    payload: Payload
    shape: tuple[int, ...]
    content: Content = "feature"


def write_frame(payload: bytes, shape: Sequence[int], content: Content = "feature") -> bytes:
    """A payload as the bytes of a frame.

    Args:
        payload: of one sample.
        shape: of its tensor, without the batch.
        content: the kind of payload.

    Raises:
        SeesawError: a larger payload or tensor, or more sizes, than a frame holds.
    """
    sizes_fit = len(shape) <= MAX_SIZES and all(0 <= size <= MAX_PAYLOAD for size in shape)
    if not sizes_fit or max(len(payload), math.prod(shape)) > MAX_PAYLOAD:
        raise SeesawError(
            f"{len(payload)} bytes of a tensor of shape {tuple(shape)} are too large for a frame, which takes "
            f"{MAX_SIZES} sizes and {MAX_PAYLOAD:,} numbers or bytes. Send smaller ones."
        )
    start = _START.pack(_MAGIC, _VERSION, _CONTENTS.index(content) << 4 | len(shape), len(payload))
    sizes = struct.pack(f"<{len(shape)}I", *shape)
    end = _END.pack(crc32(payload, crc32(sizes, crc32(start))))
    return b"".join((start, end, sizes, payload))  # the payload is copied once


def read_frames(message: Payload, limit: int = MAX_PAYLOAD) -> list[Frame]:
    """The frames of a whole message.

    Args:
        message: one frame or several in a row.
        limit: the most bytes of a payload, and the most numbers of a tensor.

    Raises:
        SeesawError: cut short, damaged, too large, or no frame at all.
    """
    frames, at = [], 0
    while at < len(message) or not frames:
        frame, at = _read(message, at, limit)
        frames.append(frame)
    return frames


def _read(message: Payload, at: int, limit: int) -> tuple[Frame, int]:
    """The frame that begins at `at`, and where the next one begins."""
    if len(message) - at < HEAD:
        raise SeesawError("A frame is shorter than its head. Ask for it again.")
    magic, version, kind, length = _START.unpack_from(message, at)
    content, sizes = kind >> 4, kind & 15
    if magic != _MAGIC or version != _VERSION or content >= len(_CONTENTS) or sizes > MAX_SIZES:
        raise SeesawError("A message is no frame of this version. Use the same seesaw-bench on both sides.")
    begin, end = at + HEAD, at + HEAD + 4 * sizes + length
    (checksum,) = _END.unpack_from(message, at + _START.size)
    if length > limit or end > len(message):
        raise SeesawError(
            f"A frame is damaged or too large: {len(message) - begin} bytes for {end - begin}. Ask for it again."
        )
    view = memoryview(message)  # nothing is copied to be summed
    if crc32(view[begin:end], crc32(view[at : at + _START.size])) != checksum:
        raise SeesawError("A frame is damaged: its checksum is not that of its bytes. Ask for it again.")
    shape = struct.unpack_from(f"<{sizes}I", message, begin)
    if math.prod(shape) > limit:
        raise SeesawError(f"A frame holds a tensor of shape {shape}, which is too large. Send smaller ones.")
    return Frame(message[begin + 4 * sizes : end], shape, _CONTENTS[content]), end
