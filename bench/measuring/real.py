"""Real requests: a server and a shaped link as processes of their own, and a device that asks across them at given moments."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import SeesawError

if TYPE_CHECKING:
    from torch import Tensor

    from bench.shipping.serving.device import Answer, Device

AT_ONCE = 64
"""Requests that may be on their way together."""
PATIENCE = 60.0
"""Seconds in which a process must begin to listen."""
LINES = 40
"""Lines that are kept of what a process prints."""


@dataclass(frozen=True)
class Asked:
    """What really became of one request.

    Attributes:
        answer: to it; None where none came.
        seconds: from the moment at which the request was due to its answer; infinite where none came.
    """

    answer: Answer | None
    seconds: float


@dataclass(frozen=True)
class Listening:
    """A process that listens.

    Attributes:
        address: host:port.
        started: the moment (`time.monotonic`) at which it printed that it listens.
        process: itself.
    """

    address: str
    started: float
    process: subprocess.Popen[str]


@contextmanager
def listening(*words: str, patience: float = PATIENCE, enter: Sequence[str] = ()) -> Iterator[Listening]:
    """A command of Seesaw as a process that listens, and is ended with the block.

    Args:
        words: of the command, such as `serve shipped --listen 127.0.0.1:0`.
        patience: seconds in which it must listen.
        enter: the words before it that enter where it runs, such as another network namespace.

    Raises:
        SeesawError: it ends, or does not listen in time; with what it printed last.
    """
    process = subprocess.Popen(
        [*enter, sys.executable, "-m", "bench", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    printed: list[str] = []
    found: list[Listening] = []
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:  # to its end, so that the process never waits for room to print
            if not found and (match := re.search(r"Listening at (\S+:\d+)", line)):
                found.append(Listening(match[1], time.monotonic(), process))
                ready.set()
            printed.append(line)
            del printed[:-LINES]
        ready.set()

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    try:
        ready.wait(patience)
        if not found:
            last = " ".join("".join(printed).split())[-400:] or "nothing"
            raise SeesawError(
                f"`seesaw {words[0]}` does not listen; it printed: {last} Try `seesaw {' '.join(words)}` by itself."
            )
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reading.join(5)


def asked(
    device: Device,
    inputs: Sequence[Tensor],
    moments: Sequence[float],
    begin: float,
    report: Callable[[int], object] = lambda count: None,
) -> list[Asked]:
    """Ask for each input at its moment, whether or not those before it were answered.

    Args:
        device: that is asked.
        inputs: as the network takes them, one for each request.
        moments: at which they are due, seconds from `begin`, rising.
        begin: a moment of `time.monotonic`.
        report: called with the number of requests that were begun.

    Returns:
        What became of each, in order.
    """

    def ask(x: Tensor, due: float) -> Asked:
        try:
            answer = device.ask(x)
        except SeesawError:  # no answer in time, and no exit to answer by: the request stays without one
            return Asked(None, float("inf"))
        return Asked(answer, time.monotonic() - due)

    futures: list[Future[Asked]] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number, (x, moment) in enumerate(zip(inputs, moments, strict=True), 1):
            if (left := begin + moment - time.monotonic()) > 0:
                time.sleep(left)
            futures.append(pool.submit(ask, x, begin + moment))
            report(number)
    return [one.result() for one in futures]
