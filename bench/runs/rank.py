"""One rank: a process that trains its share of every step, and ends when the run's own process does.

`python -m bench.runs.rank FD` is started by `bench.runs.ranks` with one end of a pipe; nobody types it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.distributed as dist

from bench.errors import SeesawError
from bench.lock import Quiet
from bench.machine import settle
from bench.records.record import EpochRow
from bench.runs.phases import Phases, silent
from bench.runs.ranks import JOIN_SECONDS, Order
from bench.runs.request import ResolvedRun
from bench.runs.train import RESULT, checkpoints_of, train_here
from bench.runs.training.checkpoint import Checkpoint
from bench.runs.training.world import World

COLLECTIVE_SECONDS = 1800.0
"""How long a rank waits for the others in the middle of training, as while rank 0 validates or holds still."""


class _Reports:
    """What a rank reports in place of a mirror and a console."""

    def __init__(self, pipe: Connection, *, is_first: bool, validate: bool) -> None:
        self.pipe, self.is_first = pipe, is_first
        self.run = validate or None

    def send(self, word: str, content: Any) -> None:
        """A message to the run's own process, from rank 0 alone."""
        if self.is_first:
            self.pipe.send((word, content))

    def epoch(self, index: int, epoch: EpochRow) -> None:
        """An epoch that has ended."""
        self.send("epoch", (index, epoch.model_dump()))

    def validation(self, index: int, accuracy: list[float]) -> None:
        """The accuracies of a validation."""
        self.send("validation", (index, accuracy))


def join(order: Order, device: torch.device, layout_size: int) -> None:
    """Join the group of all ranks.

    Raises:
        SeesawError: node 0 does not answer.
    """
    node = order.node
    if device.type == "cuda":
        torch.cuda.set_device(order.local)
    if node.address in ("127.0.0.1", "localhost") and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a machine's own name may lead nowhere
    backend = "nccl" if device.type == "cuda" else "gloo"
    try:
        store = dist.TCPStore(  # pyright: ignore[reportPrivateImportUsage]  its public name
            node.address, node.port, is_master=False, timeout=timedelta(seconds=JOIN_SECONDS)
        )
        dist.init_process_group(
            backend, store=store, rank=order.rank, world_size=layout_size,
            timeout=timedelta(seconds=COLLECTIVE_SECONDS),
        )  # fmt: skip
        dist.barrier()
    except dist.DistError as error:
        raise SeesawError(
            f"Process {order.rank} of {layout_size} did not meet the others at {node.address}:{node.port} "
            f"({str(error).splitlines()[0].rstrip('.')}). Start the command on every node, and see that the port is open."
        ) from error


def work(order: Order, pipe: Connection) -> dict[str, Any]:
    """Train, and leave the trained network beside the checkpoints."""
    settle(order.threads, deterministic=order.deterministic)
    run = ResolvedRun.of(order.request)
    join(order, run.device, run.layout.size)
    world = World(run.layout, order.rank)
    mirror = _Reports(pipe, is_first=world.writes, validate=order.validate and world.writes)

    def report(phase: str, done: float, total: float, line: str) -> None:
        mirror.send("at", (phase, done, total, line))

    phases = Phases(report if world.writes else silent, Quiet(run.store.timing_lock))
    checkpoints = checkpoints_of(run)
    trained = train_here(run, run.splits(), phases, mirror, checkpoints, world)
    if world.writes:
        checkpoints.write(RESULT, Checkpoint.of(trained.net, None, 0, {}))
    world.barrier()
    return {
        "identity": checkpoints.identity,
        "spent": trained.spent,
        "epochs": [row.model_dump() for row in trained.epochs],
        "overhead": None if trained.overhead is None else trained.overhead.model_dump(),
        "notes": trained.notes,
        "seconds": phases.seconds,
    }


def _end_with(pipe: Connection) -> None:
    """End this process as soon as the other side of the pipe is gone."""
    with suppress(EOFError, OSError):
        while True:
            pipe.recv()
    os._exit(1)


def main() -> None:
    """Take an order from the pipe, carry it out, and say how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run's own process is interrupted, and ends its ranks
    warnings.simplefilter("ignore", FutureWarning)
    pipe = Connection(int(sys.argv[1]))
    order: Order = pipe.recv()
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    try:
        last: tuple[str, Any] = ("done", work(order, pipe))
    except SeesawError as error:
        last = ("failed", str(error))
    except Exception:
        last = ("fault", traceback.format_exc())
    pipe.send(last)
    if last[0] == "done":
        dist.destroy_process_group()
    pipe.close()
    os._exit(0)  # a collective that will never end must not keep the process


if __name__ == "__main__":
    main()
