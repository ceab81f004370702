"""Ranks: the processes that train one network together, started, watched and ended by the process that holds the run.

The run's own process trains nothing: it waits, passes reports on, and takes the trained network back. So whatever ends
one rank - a signal, the end of memory, a fault - ends all of them, and is one sentence.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Any

import torch
import torch.distributed as dist

from bench.errors import SeesawError
from bench.records.layout import Layout
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.workers import ending

GRACE = 2.0
"""Seconds in which the rank is looked for that died, where another has reported that it lost a neighbour."""
JOIN_SECONDS = 600.0
"""How long ranks wait for those of other nodes to join."""
GO_ON = "Run the same command again: it goes on after its last finished epoch."


@dataclass(frozen=True)
class Node:
    """This machine among those that train together.

    Attributes:
        number: of this machine; 0 measures and writes.
        address: of machine 0.
        port: there; 0 for any that is free.
    """

    number: int
    address: str
    port: int

    @classmethod
    def of(cls, layout: Layout) -> Node:
        """This node, by the variables that launchers set: `NODE_RANK` (or Slurm's), `MASTER_ADDR`, `MASTER_PORT`.

        Raises:
            SeesawError: several nodes are named, and a variable is absent or no number.
        """
        if layout.nodes is None:
            return cls(0, "127.0.0.1", 0)
        own = os.environ
        values = own.get("NODE_RANK", own.get("SLURM_NODEID")), own.get("MASTER_ADDR"), own.get("MASTER_PORT")
        try:
            number, port = int(values[0] or ""), int(values[2] or "")
            if values[1] and 0 <= number < layout.nodes and 0 < port < 65536:
                return cls(number, values[1], port)
        except ValueError:
            pass
        raise SeesawError(
            f"{layout.nodes} nodes train together, and this one does not know its place. Run the same command on each, with "
            f"NODE_RANK from 0 to {layout.nodes - 1} (under Slurm it is known), and with MASTER_ADDR and MASTER_PORT: the "
            "address of node 0, and a port that is free there."
        )


@dataclass(frozen=True)
class Order:
    """What a rank is to do.

    Attributes:
        request: of the run.
        rank: its number over all nodes.
        local: its number on this node, which is that of its device.
        node: this machine, with the port at which ranks meet.
        threads: of PyTorch on the CPU.
        deterministic: whether PyTorch uses deterministic algorithms only.
        validate: whether the calibration split is looked at while training goes on, for curves.
    """

    request: RunRequest
    rank: int
    local: int
    node: Node
    threads: int
    deterministic: bool
    validate: bool


def train_together(
    run: ResolvedRun, on_message: Callable[[str, Any], None], *, validate: bool = False
) -> dict[str, Any] | None:
    """Train a run by all ranks of this node; returns what rank 0 came to, or None on other nodes.

    Args:
        run: of a layout with several processes.
        on_message: called with the messages of rank 0 before its end.
        validate: whether it validates while it trains.

    Raises:
        SeesawError: a rank died, the devices are not here, or what a user can mend.
        RuntimeError: a fault in a rank, with its traceback.
    """
    layout = run.layout
    _hold_devices(layout, run.device)
    node, devices = Node.of(layout), layout.devices or 1
    store = None
    if node.number == 0:
        store = dist.TCPStore(  # pyright: ignore[reportPrivateImportUsage]  its public name
            node.address, node.port, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=60)
        )
        node = Node(0, node.address, store.port)
    threads = max(1, torch.get_num_threads() // devices)
    deterministic = torch.are_deterministic_algorithms_enabled()
    orders = [
        Order(run.request, node.number * devices + local, local, node, threads, deterministic, validate)
        for local in range(devices)
    ]
    with _started(orders) as team:
        result = _watched(team, layout, on_message)
    del store  # the place where ranks meet, until all have ended
    return result if node.number == 0 else None


def _hold_devices(layout: Layout, device: torch.device) -> None:
    here = {"cuda": torch.cuda.device_count(), "mps": 1}.get(device.type)
    if here is not None and (layout.devices or 1) > here:
        raise SeesawError(
            f"There {'is one device' if here == 1 else f'are {here} devices'} {device.type} here, and --devices "
            f"{layout.devices} are asked for. Give {here} or fewer, or --device cpu."
        )


@dataclass
class _Rank:
    order: Order
    process: subprocess.Popen[bytes]
    pipe: Any
    ended: bool = False


@contextmanager
def _started(orders: list[Order]) -> Iterator[list[_Rank]]:
    """The ranks at work; none outlives this context."""
    team: list[_Rank] = []
    try:
        for order in orders:
            ours, theirs = Pipe()
            environment = os.environ | {
                "LOCAL_RANK": str(order.local),
                "NODE_RANK": str(order.node.number),
                "MASTER_ADDR": order.node.address,
                "MASTER_PORT": str(order.node.port),
                "OMP_NUM_THREADS": str(order.threads),
                "TORCH_CPP_LOG_LEVEL": "ERROR",  # its advice on unused parameters, from every rank
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            }
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.runs.rank", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment,
            )  # fmt: skip
            theirs.close()
            team.append(_Rank(order, process, ours))
            ours.send(order)
        yield team
    finally:
        for one in team:
            one.process.kill()
        for one in team:
            one.process.wait()
            one.pipe.close()


def _watched(team: list[_Rank], layout: Layout, on_message: Callable[[str, Any], None]) -> Any:
    """Wait for all ranks to end well; returns what the first of them came to."""
    result: Any = None
    while open_ := [one for one in team if not one.ended]:
        for pipe in wait([one.pipe for one in open_], timeout=1.0):
            one = next(rank for rank in team if rank.pipe is pipe)
            try:
                word, content = one.pipe.recv()
            except (EOFError, OSError):
                raise _died(one, layout) from None
            if word in ("failed", "fault"):
                raise _first_cause(team, layout, word, content)
            if word == "done":
                one.ended = True
                result = content if one is team[0] else result
            elif one is team[0]:
                on_message(word, content)
    return result


def _first_cause(team: list[_Rank], layout: Layout, word: str, content: str) -> Exception:
    """The error to raise: that of a rank that died, where one did, since its neighbours only miss it."""
    until = time.monotonic() + GRACE
    while word == "fault" and time.monotonic() < until:
        for one in team:
            if (one.process.poll() or 0) < 0:
                return _died(one, layout)
        time.sleep(0.05)
    if word == "failed":
        return SeesawError(content)
    return RuntimeError(f"a process of the training failed:\n{content}")


def _died(one: _Rank, layout: Layout) -> SeesawError:
    code = one.process.wait()
    return SeesawError(
        f"Process {one.order.rank} of {layout.size} ended with {ending(code)}, and the others were ended with it. {GO_ON}"
    )
