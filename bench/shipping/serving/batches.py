"""Batches: questions that arrive together are computed together, within a wait, a size and a queue that are bounded."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bench.errors import SeesawError

QUICK = 1e-3
"""Seconds; a batch that should take fewer is computed at once, as handing it to a thread and back takes a tenth of that."""

Q = TypeVar("Q")
A = TypeVar("A")


class Overloaded(SeesawError):
    """So many questions wait that another one is refused."""


class Late(SeesawError):
    """A question's deadline passed before it was computed."""


@dataclass
class Limits:
    """How a server takes questions together.

    Attributes:
        wait: seconds for which the first of a batch waits for others, at most.
        largest: questions of a batch.
        queue: questions that may wait, of one cut.
    """

    wait: float = 0.0
    largest: int = 32
    queue: int = 256


@dataclass
class _Waiting(Generic[Q, A]):
    question: Q
    arrived: float
    until: float
    answer: asyncio.Future[tuple[A, float, float, int]] = field(repr=False)


class Batches(Generic[Q, A]):
    """The questions to one part. `ask` waits for the answer; one batch is computed at a time.

    Args:
        compute: answers of several questions, an exception in the place of one that cannot be answered.
        limits: of wait, size and queue.
        executor: that computes; parts may share it.
        took: called after each batch with its size, the longest wait in it and its seconds.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Q]], Sequence[A | SeesawError]],
        limits: Limits,
        executor: Executor,
        took: Callable[[int, float, float], object] = lambda size, waited, computed: None,
    ) -> None:
        self.compute, self.limits, self.executor, self.took = compute, limits, executor, took
        self.waiting = deque[_Waiting[Q, A]]()
        self._came = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._each = float("inf")
        """seconds that a question of the last batch took"""

    async def ask(self, question: Q, until: float = float("inf")) -> tuple[A, float, float, int]:
        """The answer, the seconds that the question waited, those that its batch took, and its batch's size.

        Args:
            question: whatever `compute` takes.
            until: the moment (`time.monotonic`) after which nobody waits for the answer.

        Raises:
            Overloaded: the queue is full.
            Late: the moment passed before the batch began.
            SeesawError: `compute` refused this question.
        """
        if len(self.waiting) >= self.limits.queue:
            raise Overloaded(
                f"{len(self.waiting)} questions wait already, as many as may. Ask again later, or ask less often."
            )
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._run())
        future = asyncio.get_running_loop().create_future()
        one = _Waiting[Q, A](question, time.monotonic(), until, future)
        self.waiting.append(one)
        self._came.set()
        return await future

    async def _run(self) -> None:
        while self.waiting:
            await asyncio.sleep(0)  # what has arrived by now comes along
            await self._gathered()
            batch = [self.waiting.popleft() for _ in range(min(self.limits.largest, len(self.waiting)))]
            begun = time.monotonic()
            open_ = [one for one in batch if not one.answer.done()]  # else its device went away
            for one in open_:
                if one.until <= begun:
                    one.answer.set_exception(
                        Late("The deadline passed before the question was computed. Allow more time.")
                    )
            open_ = [one for one in open_ if not one.answer.done()]
            if not open_:
                continue
            try:
                answers = await self._computed([one.question for one in open_])
            except Exception as error:  # a fault of the part or of a codec, which is anyone's
                answers = [SeesawError(f"The server failed ({error}). Tell whoever runs it.")] * len(open_)
            took = time.monotonic() - begun
            self._each = took / len(open_)
            self.took(len(open_), begun - open_[0].arrived, took)
            for one, got in zip(open_, answers, strict=True):
                if one.answer.done():
                    continue
                if isinstance(got, SeesawError):
                    one.answer.set_exception(got)
                else:
                    one.answer.set_result((got, begun - one.arrived, took, len(open_)))

    async def _computed(self, questions: list[Q]) -> Sequence[A | SeesawError]:
        """The answers, computed by the executor; by this thread where that is quick."""
        if self._each * len(questions) < QUICK:
            return self.compute(questions)
        return await asyncio.get_running_loop().run_in_executor(self.executor, self.compute, questions)

    async def _gathered(self) -> None:
        """Wait until a batch is full, or its first question has waited long enough."""
        end = self.waiting[0].arrived + self.limits.wait
        while len(self.waiting) < self.limits.largest and (left := end - time.monotonic()) > 0:
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), left)
            except TimeoutError:
                return
