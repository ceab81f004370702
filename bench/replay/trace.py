"""Trace: the logits of a trained network's exits on held-out samples; one pass over the data, one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.errors import SeesawError
from bench.files import write_whole


@dataclass(frozen=True)
class Trace:
    """The logits of every exit for every sample.

    Attributes:
        logits: float32 (exits, N, classes).
        labels: int64 (N,).
        costs: of leaving at each exit, heads on the way included, float64 (exits,): MACs in a run's own
            traces. Policies and curves work with seconds or joules in the same way.
    """

    logits: Tensor
    labels: Tensor
    costs: Tensor

    def __post_init__(self) -> None:
        exits, samples, _ = self.logits.shape
        if self.labels.shape != (samples,) or self.costs.shape != (exits,):
            raise SeesawError(
                f"A trace's parts do not fit: logits {tuple(self.logits.shape)} want labels ({samples},) and costs "
                f"({exits},), not {tuple(self.labels.shape)} and {tuple(self.costs.shape)}. Check their order."
            )
        if not exits or not samples:
            raise SeesawError("A trace without an exit or a sample says nothing. Give one that has both.")

    def correct(self) -> Tensor:
        """Whether each exit is right about each sample, boolean (exits, N). Logits with a NaN are wrong."""
        return (self.logits.argmax(2) == self.labels) & ~self.logits.isnan().any(2)

    def save(self, path: Path, **about: str) -> None:
        """Write the trace, whole or not at all, with notes `about` it in the file's metadata."""
        tensors = {"logits": self.logits, "labels": self.labels, "costs": self.costs}
        data = save({k: v.contiguous() for k, v in tensors.items()}, {"about": json.dumps(about)})
        write_whole(path, data, "--runs")

    @classmethod
    def load(cls, path: Path) -> Trace:
        """Read a trace.

        Raises:
            SeesawError: no file, or no whole trace.
        """
        try:
            with safe_open(str(path), "pt") as file:
                return cls(*(file.get_tensor(key) for key in ("logits", "labels", "costs")))
        except (OSError, SafetensorError, ValueError) as error:
            raise SeesawError(
                f"{path} is no whole trace ({error}). Run the network again to make it."
            ) from error
