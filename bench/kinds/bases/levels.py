"""Levels: numbers as small whole numbers between a minimum and a maximum, and these packed bit by bit."""

from __future__ import annotations

import numpy as np

RANGE_BYTES = 8
"""Bytes of one group's minimum and step, each a float32."""


def to_levels(rows: np.ndarray, bits: int) -> tuple[np.ndarray, bytes]:
    """Round numbers to 2^bits evenly spaced ones from each row's minimum to its maximum.

    Args:
        rows: float32, (groups, numbers).
        bits: 1 to 8.

    Returns:
        The levels, uint8 (groups, numbers), and the rows' ranges: minima, then steps, float32 little-endian.
    """
    low = rows.min(1)
    with np.errstate(over="ignore", invalid="ignore"):  # a broken network's numbers come back broken
        step = ((rows.max(1).astype(np.float64) - low) / (2**bits - 1)).astype(np.float32)
        step[step == 0] = 1
        levels = np.subtract(rows, low[:, None])
        levels /= step[:, None]
        np.rint(levels, out=levels)
        return levels.clip(0, 2**bits - 1, out=levels).astype(np.uint8), np.stack([low, step]).astype(
            "<f4"
        ).tobytes()


def from_levels(levels: np.ndarray, ranges: bytes) -> np.ndarray:
    """The numbers of levels, (groups, numbers), by their rows' ranges; float32."""
    low, step = np.frombuffer(ranges, "<f4").reshape(2, -1).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        return levels * step[:, None] + low[:, None]


def pack_bits(levels: np.ndarray, bits: int) -> bytes:
    """Levels of so many bits one behind the other, from the highest bit; zeros fill the last byte."""
    if bits == 8:
        return levels.tobytes()
    return np.packbits(np.unpackbits(levels.reshape(-1, 1), axis=1)[:, 8 - bits :]).tobytes()


def unpack_bits(packed: bytes, bits: int, count: int) -> np.ndarray:
    """The levels, uint8 (count,), that `pack_bits` packed.

    Raises:
        ValueError: there are other bytes than so many levels take.
    """
    if len(packed) != packed_bytes(bits, count):
        raise ValueError(f"{len(packed)} bytes for {count} numbers of {bits} bits")
    found = np.frombuffer(packed, np.uint8)
    if bits == 8:
        return found
    loose = np.zeros((count, 8), np.uint8)
    loose[:, 8 - bits :] = np.unpackbits(found, count=bits * count).reshape(count, bits)
    return np.packbits(loose)


def packed_bytes(bits: int, count: int) -> int:
    """The bytes that so many levels take, packed."""
    return (bits * count + 7) // 8
