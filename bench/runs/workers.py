"""Workers: processes that run one request after another, so that PyTorch is loaded once in each."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, Literal

from bench.errors import SeesawError
from bench.runs.request import RunRequest

NEWS_SECONDS = 0.25
"""The least time between two messages about a worker's progress."""


@dataclass(frozen=True)
class News:
    """A message about one request: its progress or its end.

    Attributes:
        number: its place in the sequence of requests.
        worker: the number of the worker that runs it.
        kind: `at` for its progress; `done` and `failed` for its end.
        line: the phase and its progress, the path of the record, or the reason of a failure.
        share: of the training done.
        seconds: since the worker began it.
    """

    number: int
    worker: int
    kind: Literal["at", "done", "failed"]
    line: str = ""
    share: float = 0.0
    seconds: float = 0.0


class Worker:
    """One process and the pipe to it."""

    def __init__(self, number: int, threads: int, *, deterministic: bool, measure: bool) -> None:
        self.number = number
        self.setting = threads, deterministic, measure
        self.number_at_work: int | None = None
        self.begun = 0.0
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, *self.setting), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, number: int, request: RunRequest) -> None:
        """Hand it a request; one that died while it had none is replaced."""
        self.number_at_work, self.begun = number, time.monotonic()
        try:
            self.pipe.send(request)
        except OSError:
            self._start()
            self.pipe.send(request)

    def news(self) -> News:
        """The next message from it; a worker that has died is replaced, and its request has failed."""
        assert self.number_at_work is not None
        number, seconds = self.number_at_work, time.monotonic() - self.begun
        try:
            kind, line, share = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            why = f"Its process ended with {ending(self.process.exitcode)}. Run the same command again."
            self.number_at_work = None
            self._start()
            return News(number, self.number, "failed", why, 0.0, seconds)
        if kind != "at":
            self.number_at_work = None
        return News(number, self.number, kind, line, share, seconds)

    def stop(self) -> None:
        """End the process, whatever it does; its run can go on later."""
        self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


def ending(code: int | None) -> str:
    """How a process ended, by its exit code, in words."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name}; memory may have run out" if name == "SIGKILL" else name
    return f"exit code {code}"


def work_off(
    requests: Sequence[RunRequest],
    workers: int,
    threads: int,
    *,
    deterministic: bool = False,
    measure: bool = False,
) -> Iterator[News]:
    """Run requests on several workers; yields messages about them until all have ended.

    A worker resolves its request again: classes of drafts exist only in the process that has read them.

    A failed one is reported, and the others go on. When the caller closes the iterator, workers are ended.
    """
    team = [
        Worker(n, threads, deterministic=deterministic, measure=measure)
        for n in range(min(workers, len(requests)))
    ]
    waiting = list(enumerate(requests))[::-1]
    try:
        while True:
            for worker in team:
                if worker.number_at_work is None and waiting:
                    worker.give(*waiting.pop())
            busy = [worker for worker in team if worker.number_at_work is not None]
            if not busy:
                return
            ready = wait([worker.pipe for worker in busy], timeout=1.0)
            yield from (worker.news() for worker in busy if worker.pipe in ready)
    finally:
        for worker in team:
            worker.stop()


def _work(pipe: Any, threads: int, deterministic: bool, measure: bool) -> None:
    """A worker's life: requests in, news out, until the pipe closes."""
    import warnings

    from bench.machine import settle
    from bench.runs.run import run

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends its workers
    warnings.simplefilter("ignore", FutureWarning)
    settle(threads, deterministic=deterministic)
    last = 0.0

    def report(phase: str, done: float, total: float, line: str) -> None:
        nonlocal last
        if time.monotonic() - last > NEWS_SECONDS:
            last = time.monotonic()
            pipe.send(("at", f"{phase} {line}".strip(), done / total if phase == "train" and total else 0.0))

    with suppress(EOFError, BrokenPipeError):
        while True:
            request: Any = pipe.recv()
            try:
                record = run(request, report, measure=measure)
                pipe.send(("done", str(request.store.path(record)), 1.0))
            except SeesawError as error:
                pipe.send(("failed", str(error), 0.0))
            except (EOFError, BrokenPipeError):
                raise
            except Exception as error:
                why = f"{type(error).__name__}: {error}. This is a fault in Seesaw or a plugin: --debug shows where."
                pipe.send(("failed", why, 0.0))
