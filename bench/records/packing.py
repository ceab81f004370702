"""Packing: JSON values as one text of few characters, within a bound when they are read."""

from __future__ import annotations

import base64
import json
import lzma
from typing import Any

import numpy as np

MAX_PACKED = 32 << 20
"""Bytes that are unpacked at most."""
_FILTERS = [{"id": lzma.FILTER_LZMA1, "preset": 6, "lc": 3, "lp": 0, "pb": 0, "dict_size": 1 << 20}]
_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"


def packed(content: Any) -> str:
    """JSON values as one text: their JSON compressed (LZMA) and spelled in base 85."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    return base64.b85encode(lzma.compress(text, format=lzma.FORMAT_RAW, filters=_FILTERS)).decode()


def unpacked(text: str) -> bytes:
    """The JSON text that was packed.

    Raises:
        IndexError: it is larger than `MAX_PACKED`.
        ValueError, lzma.LZMAError: it is no such text.
    """
    unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=_FILTERS)
    content = unpacker.decompress(from_base85(text), MAX_PACKED)
    if len(content) >= MAX_PACKED:
        raise IndexError(f"what is packed is larger than {MAX_PACKED >> 20} MiB")
    return content


_DIGITS = np.full(256, 255, np.uint8)
_DIGITS[np.frombuffer(_ALPHABET, np.uint8)] = np.arange(85)
_POWERS = np.array([85**4, 85**3, 85**2, 85, 1], np.uint64)


def from_base85(text: str) -> bytes:
    """What `base64.b85decode` gives, in a tenth of its time.

    Raises:
        ValueError: it holds another character, or digits of a number over 32 bits.
    """
    missing = -len(text) % 5
    digits = _DIGITS[np.frombuffer(text.encode("ascii") + b"~" * missing, np.uint8)]
    if digits.size and digits.max() > 84:
        raise ValueError("a character that is no digit of base 85")
    numbers = digits.reshape(-1, 5).astype(np.uint64) @ _POWERS
    if numbers.size and numbers.max() > 0xFFFFFFFF:
        raise ValueError("digits of base 85 that come to more than 32 bits")
    content = numbers.astype(">u4").tobytes()
    return content[: len(content) - missing]
