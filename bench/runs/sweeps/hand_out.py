"""Hand out: cells to a team of workers, one each, until all have ended; lost ones go to the next free worker."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bench.runs.sweeps.cell import Cell
from bench.runs.workers import News


@dataclass(frozen=True)
class Event:
    """A word from a team: a cell's progress, its end, or that its worker was lost for good.

    Attributes:
        kind: of the word.
        number: of the cell.
        worker: that has it.
        line: of progress, the record's path, or the reason.
        share: of the training done.
    """

    kind: Literal["at", "done", "failed", "lost"]
    number: int
    worker: int
    line: str = ""
    share: float = 0.0

    def news(self, seconds: float) -> News:
        """The same as a message about the cell; of a lost worker, that the cell has failed."""
        return News(
            self.number,
            self.worker,
            "failed" if self.kind == "lost" else self.kind,
            self.line,
            self.share,
            seconds,
        )


class Team(Protocol):
    """Workers that each take one cell at a time, wherever they are."""

    workers: int

    def give(self, worker: int, cell: Cell) -> None:
        """Let a free worker begin a cell; one that was lost is replaced."""
        ...

    def events(self, seconds: float) -> list[Event]:
        """What has happened since the last call; waits no longer than so many seconds."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...


def hand_out(team: Team, cells: Sequence[Cell], retries: int) -> Iterator[News]:
    """Run cells on a team; yields messages about them until all have ended.

    A cell whose worker is lost is begun again by another, which goes on after its last epoch; after so many `retries` it
    has failed. When the caller closes the iterator, the team is closed.
    """
    waiting = deque(range(len(cells)))
    free, busy, begun, lost = deque(range(team.workers)), set[int](), dict[int, float](), Counter[int]()
    try:
        while waiting or busy:
            while free and waiting:
                number, worker = waiting.popleft(), free.popleft()
                begun.setdefault(number, time.monotonic())
                busy.add(number)
                team.give(worker, cells[number])
            for event in team.events(1.0):
                if event.number not in busy:
                    continue  # progress that arrived after the end
                seconds = time.monotonic() - begun[event.number]
                if event.kind == "at":
                    yield News(event.number, event.worker, "at", event.line, event.share, seconds)
                    continue
                busy.remove(event.number)
                free.append(event.worker)
                kind, line = event.kind, event.line
                if kind == "lost":
                    lost[event.number] += 1
                    if lost[event.number] <= retries:
                        waiting.appendleft(event.number)
                        continue
                    kind, line = (
                        "failed",
                        f"{event.line} {lost[event.number]} times. Run the same command again.",
                    )
                yield News(event.number, event.worker, kind, line, 0.0, seconds)
    finally:
        team.close()
