"""Trained split: a split policy that practises on simulated conditions before the first request, and goes on after a kill."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from bench.errors import SeesawError
from bench.files import read_plain, write_whole
from bench.kinds.split import Known, SplitPolicy

MOST_BYTES = 1 << 30
"""The most bytes that are read of a training's state."""


class Checkpoint:
    """Where a training keeps its state between its steps.

    Args:
        path: of the file; left out, nothing is kept.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    def load(self) -> dict[str, Tensor]:
        """The tensors of the state that was saved last, by name; none where there is no file.

        Raises:
            SeesawError: the file is damaged.
        """
        if self.path is None or not self.path.exists():
            return {}
        try:
            return load(read_plain(self.path, MOST_BYTES))
        except (OSError, SafetensorError, ValueError) as error:
            raise SeesawError(
                f"{self.path} is no state of a training ({error}). Remove it, and the training begins anew."
            ) from error

    def save(self, state: Mapping[str, Tensor]) -> None:
        """Keep a state, whole or not at all.

        Raises:
            SeesawError: the folder cannot be written.
        """
        if self.path is not None:
            write_whole(self.path, save({name: one.contiguous() for name, one in state.items()}), "--runs")

    def remove(self) -> None:
        """Remove the file, if there is one."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


class TrainedSplit(SplitPolicy):
    """The contract: `train` gives the memory after training, from what is known of the arms alone.

    The same settings and the same known arms give the same memory, bit for bit on one machine, also where the training was killed
    and goes on from its checkpoint.
    """

    def train(self, known: Known, checkpoint: Checkpoint) -> np.ndarray:
        """The memory before the first request, float64 (numbers,).

        Args:
            known: the arms, and what is known of them.
            checkpoint: with the state of a training that was killed, and for that of this one.
        """
        raise NotImplementedError("A trained split policy must define train(known, checkpoint)")

    def begin(self, known: Known) -> np.ndarray:
        return self.train(known, Checkpoint())
