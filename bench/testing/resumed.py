"""A check that training which is ended after any epoch goes on to the same network."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from bench.kinds.exits import Exits
from bench.kinds.method import Method
from bench.network.net import Net
from bench.records.record import EpochRow
from bench.runs.training.callbacks import Log
from bench.runs.training.checkpoint import Checkpoints
from bench.testing.facts import Facts, Nonconforming
from bench.testing.tiny import trained


class _Killed(BaseException):
    """Stands in for a signal that ends a run."""


def goes_on(facts: Facts, method: Method, exits: Exits, whole: Net) -> None:
    """Check that a run which is ended after every epoch and begun again ends with the network `whole`."""
    with TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder), {})
        for kept in range(1, 1000):

            def end(index: int, epoch: EpochRow, kept: int = kept) -> None:
                if index == kept - 1:
                    raise _Killed

            try:
                net, _ = trained(method, exits, log=Log(ended=end, checkpoints=checkpoints))
                break
            except _Killed:
                continue
        else:
            raise Nonconforming("It trains for more than a thousand epochs. Give the test a shorter method.")
    same = all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), net.state_dict().values(), strict=True)
    )
    facts.hold(
        same,
        "ended after any epoch, it goes on to the same network",
        "What it remembers between steps must lie in the network (buffers), not beside it.",
    )
