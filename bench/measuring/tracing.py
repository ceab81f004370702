"""Tracing: one pass of a trained network over a split."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.task import Data, Split
from bench.measuring.meters.memory import peak
from bench.measuring.passes import Passes
from bench.network.net import Net
from bench.replay.trace import Trace

BATCH = 500
AT_ONCE = 1 << 26
"""Bytes of activations that a batch may have: of large images it holds fewer. Larger tensors are asked of the system anew for
every layer, and its clearing them took longer than the network."""


def batches(split: Split, batch: int = BATCH) -> list[slice]:
    """Slices of a split's samples, at most so many in each."""
    return [slice(start, start + batch) for start in range(0, len(split.labels), batch)]


def fitting(net: Net, most: int) -> int:
    """How many samples, at most `most`, a pass through a network holds at once within `AT_ONCE`; by the memory meter's count."""
    device = next((one.device for one in net.parameters()), torch.device("cpu"))
    return max(
        1, min(most, AT_ONCE // max(1, peak(net.whole(), net.sample.blank(device=device), heads=True)))
    )


def trace(passes: Passes, data: Data, split: Split, costs: Tensor) -> Trace:
    """Run a network once over a split; `costs` go into the trace."""
    logits = [
        passes.logits(data.scale(split.inputs[rows].to(passes.device)))
        for rows in batches(split, fitting(passes.net, BATCH))
    ]
    whole = torch.cat(logits, 1)
    if not bool(torch.isfinite(whole).all()):
        raise SeesawError(
            "The trained network answers with infinite or NaN logits. Lower the learning rate (--set lr=...), "
            "or check the inputs and the weights for NaN."
        )
    return Trace(whole, split.labels, costs)
