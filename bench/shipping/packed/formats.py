"""Formats: the ways in which a mask is written as tensors, and read back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.kinds.bases.predefined import mask_from
from bench.network.sparse import degree

Tensors = dict[str, Tensor]
SKIP = 255


@dataclass(frozen=True)
class Format:
    """Functions that write a mask (as tensors, or None where the format does not apply) and read it back."""

    write: Callable[[Tensor, str | None], Tensors | None]
    read: Callable[[Mapping[str, Tensor], torch.Size, str | None], Tensor]


def _write_bitmap(mask: Tensor, pattern: str | None) -> Tensors:
    return {"bits": torch.from_numpy(np.packbits(mask.numpy().reshape(-1)))}


def _read_bitmap(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    bits = tensors["bits"].numpy()
    if bits.dtype != np.uint8 or len(bits) != -(-math.prod(shape) // 8):
        raise ValueError("the bitmap's length is wrong")
    return torch.from_numpy(np.unpackbits(bits, count=math.prod(shape)).astype(bool)).reshape(shape)


def _write_indexed(mask: Tensor, pattern: str | None) -> Tensors:
    rows = mask.reshape(len(mask), -1)
    counts = rows.sum(1)
    if bool((counts == counts[0]).all()):
        counts = counts[:1]
    return {"counts": _narrow(counts), "columns": _narrow(rows.nonzero()[:, 1])}


def _read_indexed(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    counts, columns = tensors["counts"].long(), tensors["columns"].long()
    counts = counts.expand(shape[0]) if len(counts) == 1 else counts
    width = math.prod(shape[1:])
    if len(counts) != shape[0] or counts.sum() != len(columns) or bool((columns >= width).any()):
        raise ValueError("the indices do not fit the shape")
    mask = torch.zeros(shape[0], width, dtype=torch.bool)
    mask[torch.arange(shape[0]).repeat_interleave(counts), columns] = True
    return mask.reshape(shape)


def _write_delta(mask: Tensor, pattern: str | None) -> Tensors:
    """Gaps between neighbours in row order, a byte each; 255 stands for 255 places without a weight."""
    places = mask.reshape(-1).nonzero()[:, 0].numpy()
    gaps = np.diff(places, prepend=-1) - 1
    skips = gaps // SKIP
    coded = np.full(len(gaps) + int(skips.sum()), SKIP, dtype=np.uint8)
    coded[np.arange(len(gaps)) + np.cumsum(skips)] = gaps % SKIP
    return {"gaps": torch.from_numpy(coded)}


def _read_delta(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    gaps = tensors["gaps"].numpy()
    if gaps.dtype != np.uint8 or gaps.ndim != 1:
        raise ValueError("the gaps are no bytes")
    ends = np.cumsum(np.where(gaps == SKIP, SKIP, gaps.astype(np.int64) + 1))
    mask = torch.zeros(math.prod(shape), dtype=torch.bool)
    if len(ends) and ends[-1] > len(mask):
        raise ValueError("the gaps lead out of the shape")
    mask[torch.from_numpy(ends[gaps != SKIP] - 1)] = True
    return mask.reshape(shape)


def _write_cyclic(mask: Tensor, pattern: str | None) -> Tensors | None:
    """The beginnings of diagonals: one number for each."""
    offsets = degree.offsets_of(mask.numpy()) if mask.dim() == 2 else None
    return None if offsets is None else {"offsets": _narrow(torch.from_numpy(offsets))}


def _read_cyclic(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    offsets = tensors["offsets"].long().numpy()
    if len(shape) != 2 or offsets.ndim != 1:
        raise ValueError("diagonals need two sides")
    return torch.from_numpy(degree.cyclic_mask(shape[1], shape[0], offsets))


def _write_periodic(mask: Tensor, pattern: str | None) -> Tensors | None:
    """One period of a mask that repeats, as bits."""
    down, across = degree.period_of(mask.numpy())
    if (down, across) == tuple(mask.shape[:2]):
        return None
    one = mask[:down, :across]
    return {"period": torch.tensor([down, across], dtype=torch.int32)} | _write_bitmap(one, None)


def _read_periodic(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    down, across = (int(n) for n in tensors["period"])
    if min(down, across) < 1 or shape[0] % down or shape[1] % across:
        raise ValueError(f"a period of {down} x {across} does not fit the shape")
    one = _read_bitmap(tensors, torch.Size([down, across, *shape[2:]]), None)
    return one.repeat(shape[0] // down, shape[1] // across, *[1] * (len(shape) - 2))


def _write_pattern(mask: Tensor, pattern: str | None) -> Tensors | None:
    return {} if pattern is not None and torch.equal(mask_from(pattern, mask.shape), mask) else None


def _read_pattern(tensors: Mapping[str, Tensor], shape: torch.Size, pattern: str | None) -> Tensor:
    if pattern is None:
        raise ValueError("the pattern is missing")
    return mask_from(pattern, shape)


def _narrow(numbers: Tensor) -> Tensor:
    """The same whole numbers in the narrowest unsigned type."""
    top = int(numbers.max()) if len(numbers) else 0
    return numbers.to(torch.uint8 if top < 1 << 8 else torch.uint16 if top < 1 << 16 else torch.uint32)


FORMATS = {
    "bitmap": Format(_write_bitmap, _read_bitmap),
    "indexed": Format(_write_indexed, _read_indexed),
    "delta": Format(_write_delta, _read_delta),
    "cyclic": Format(_write_cyclic, _read_cyclic),
    "periodic": Format(_write_periodic, _read_periodic),
    "pattern": Format(_write_pattern, _read_pattern),
}
