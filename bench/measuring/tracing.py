"""Tracing: one pass of a trained network over a split."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.task import Data, Split
from bench.measuring.passes import Passes
from bench.replay.trace import Trace

BATCH = 500


def batches(split: Split) -> list[slice]:
    """Slices of a split's samples, at most `BATCH` in each."""
    return [slice(start, start + BATCH) for start in range(0, len(split.labels), BATCH)]


def trace(passes: Passes, data: Data, split: Split, costs: Tensor) -> Trace:
    """Run a network once over a split; `costs` go into the trace."""
    logits = [passes.logits(data.scale(split.inputs[rows].to(passes.device))) for rows in batches(split)]
    whole = torch.cat(logits, 1)
    if not bool(torch.isfinite(whole).all()):
        raise SeesawError(
            "The trained network answers with infinite or NaN logits. Lower the learning rate (--set lr=...), "
            "or check the inputs and the weights for NaN."
        )
    return Trace(whole, split.labels, costs)
