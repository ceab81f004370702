"""Trace: the logits of a trained network's exits on held-out samples; one pass over the data, one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.arrays import hold_plain
from bench.errors import SeesawError, counted
from bench.files import write_whole
from bench.records.terms import rising


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

    @cached_property
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
        logits, labels, costs = cls.tensors(path)
        if costs is None:
            raise SeesawError(f"{path} does not say what its exits cost. Run the network again to make it.")
        return cls.of(path, logits, labels, costs)

    @staticmethod
    def tensors(path: Path) -> tuple[Tensor, Tensor, Tensor | None]:
        """The logits, the labels and, where it has them, the costs of a safetensors file, as they are written there.

        Raises:
            SeesawError: no such file, or it lacks logits or labels.
        """
        try:
            hold_plain(path)
            with safe_open(str(path), "pt") as file:
                costs = file.get_tensor("costs") if "costs" in file.keys() else None  # noqa: SIM118
                return file.get_tensor("logits"), file.get_tensor("labels"), costs
        except (OSError, SafetensorError, ValueError) as error:
            raise SeesawError(
                f"{path} is no whole trace ({error}). Run the network again to make it."
            ) from error

    @classmethod
    def of(cls, path: Path, logits: Tensor, labels: Tensor, costs: Tensor) -> Trace:
        """The trace that a file's tensors make, whatever types of numbers they are written in.

        Args:
            path: of the file, for errors.
            logits: (exits, N, classes).
            labels: whole numbers (N,).
            costs: (exits,).

        Raises:
            SeesawError: they do not fit, or a number cannot be: an infinite logit, a label of no class, a falling cost.
        """
        if logits.dim() != 3 or 0 in logits.shape or logits.shape[2] < 2 or labels.shape != logits.shape[1:2]:
            raise SeesawError(
                f"{path} has logits {tuple(logits.shape)} and labels {tuple(labels.shape)}. Write logits as (exits, samples, "
                "classes), two classes at least, and labels as (samples)."
            )
        if any(tensor.is_complex() for tensor in (logits, labels, costs)):
            raise SeesawError(f"{path} has complex numbers. Write real ones.")
        logits, costs = logits.float(), costs.double()
        if not logits.isfinite().all():
            raise SeesawError(f"{path} has infinite or NaN logits. Mend them, or leave those samples out.")
        if labels.is_floating_point() and not (labels.isfinite() & (labels == labels.floor())).all():
            raise SeesawError(
                f"{path} has a label that is no class's whole number. Number the classes from 0 on."
            )
        labels = labels.long()
        if labels.min() < 0 or labels.max() >= logits.shape[2]:
            raise SeesawError(
                f"{path} has labels from {int(labels.min())} to {int(labels.max())} for {logits.shape[2]} classes. Number "
                "them from 0 on."
            )
        if not rising(costs.numpy(), len(logits)):
            raise SeesawError(
                f"{path} has costs that are not {counted(len(logits), 'finite number')}, each above 0 and none less than the "
                "one before. Mend them."
            )
        return cls(logits, labels, costs)
