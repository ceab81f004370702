"""Buffers: the lists of numbers that the kernels read, while they are collected."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.execution.program.forms import LANES

ZEROS = np.zeros(LANES, np.float32)


class Blobs:
    """Whole numbers, values, and chunks, each with the places where its own begin."""

    def __init__(self) -> None:
        self.chunks: list[tuple[int, ...]] = []
        self.index: list[np.ndarray] = []
        self.values: list[np.ndarray] = []
        self.indices = self.floats = 0

    def chunk(self, places: int, rows: np.ndarray, at: int, values: np.ndarray) -> None:
        """Add a chunk that reads so many places, listed from `at` on, and its rows and values."""
        self.chunks.append((places, len(rows), at, self.numbers(values), self.listed(rows)))

    def listed(self, numbers: np.ndarray) -> int:
        """Add a list of whole numbers to the index; returns where it begins."""
        flat = np.asarray(numbers).reshape(-1)
        self.index.append(flat)
        self.indices += len(flat)
        return self.indices - len(flat)

    def numbers(self, values: np.ndarray) -> int:
        """Add values; returns where they begin."""
        flat = np.asarray(values, np.float32).reshape(-1)
        begins, left = self.floats, -len(flat) % LANES
        self.values += [flat, ZEROS[:left]]  # so that no vector lies across two lines of the cache
        self.floats += len(flat) + left
        return begins

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The index, int32, and the values, float32."""
        return _joined(self.index, np.int32), _joined(self.values, np.float32)


def _joined(parts: list[np.ndarray], kind: type) -> Tensor:
    """One tensor, which torch aligns better than NumPy does."""
    return torch.from_numpy(np.concatenate(parts).astype(kind) if parts else np.zeros(0, kind)).clone()
