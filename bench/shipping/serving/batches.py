"""Batches: questions that arrive together are computed together, within a wait, a size and a queue that are bounded."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from bench.errors import SeesawError

QUICK = 1e-3
"""Seconds; a batch that should take fewer is computed at once, as handing it to a thread and back takes a tenth of that."""

FORGETS = 1.1
"""Times as long as before that a question is believed to take at most, batch by batch."""
AT_ONCE = 3e-4
"""Seconds; where a question should take fewer and no other waits, not even a turn of the loop is waited for others."""

Q = TypeVar("Q")
A = TypeVar("A")


class Given(NamedTuple, Generic[A]):
    """What became of one question.

    Attributes:
        answer: to it.
        waited: seconds until its batch began.
        computed: seconds that its batch took.
        batch: questions in its batch.
    """

    answer: A
    waited: float
    computed: float
    batch: int


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
    answer: asyncio.Future[Given[A]] = field(repr=False)


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
        """seconds for which a question of the last batch had the processor: a busy machine makes no part slow"""

    def at_once(self, question: Q) -> Given[A] | None:
        """The answer, computed by this thread now; None where others wait or may come along, or where it takes long.

        Raises:
            SeesawError: `compute` refused this question, or failed.
        """
        is_idle = not self.waiting and (self._pump is None or self._pump.done())
        if not is_idle or self.limits.wait or self._each >= AT_ONCE:
            return None
        begun = time.monotonic()
        try:
            (got,) = self.compute([question])
        except Exception as error:  # a fault of the part or of a codec, which is anyone's
            raise SeesawError(_failed(error)) from error
        took = self._took(1, 0.0, begun)
        self._learn(took)  # this thread's processor time would take longer to learn than some parts
        if isinstance(got, SeesawError):
            raise got
        return Given(got, 0.0, took, 1)

    async def ask(self, question: Q, until: float = float("inf")) -> Given[A]:
        """The answer, once the question's batch was computed.

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
                answers = [SeesawError(_failed(error))] * len(open_)
            took = self._took(len(open_), begun - open_[0].arrived, begun)
            for one, got in zip(open_, answers, strict=True):
                if one.answer.done():
                    continue
                if isinstance(got, SeesawError):
                    one.answer.set_exception(got)
                else:
                    one.answer.set_result(Given(got, begun - one.arrived, took, len(open_)))

    def _took(self, size: int, waited: float, begun: float) -> float:
        """Seconds that a batch took, which is counted."""
        took = time.monotonic() - begun
        self.took(size, waited, took)
        return took

    async def _computed(self, questions: list[Q]) -> Sequence[A | SeesawError]:
        """The answers, computed by the executor; by this thread where that is quick."""
        if self._each * len(questions) < QUICK:
            return self._timed(questions)
        return await asyncio.get_running_loop().run_in_executor(self.executor, self._timed, questions)

    def _timed(self, questions: list[Q]) -> Sequence[A | SeesawError]:
        begun = time.thread_time()
        answers = self.compute(questions)
        self._learn((time.thread_time() - begun) / len(questions))
        return answers

    def _learn(self, each: float) -> None:
        self._each = min(each, FORGETS * self._each)  # cold caches make it seem slow for a moment

    async def _gathered(self) -> None:
        """Wait until a batch is full, or its first question has waited long enough."""
        end = self.waiting[0].arrived + self.limits.wait
        while len(self.waiting) < self.limits.largest and (left := end - time.monotonic()) > 0:
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), left)
            except TimeoutError:
                return


def _failed(error: Exception) -> str:
    return f"The server failed ({error}). Tell whoever runs it."
