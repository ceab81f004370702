"""Progress of runs on a console: bars where it is a terminal, and a few lines where it is none."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.machine import WALL, Clock
from bench.runs.workers import News

WORDS = {
    "wait": "wait",
    "data": "read the data",
    "build": "build the network",
    "dense steps": "time dense steps",
    "ranks": "start the processes",
    "train": "train",
    "pack": "pack the weights",
    "trace": "trace calibration and test split",
    "replay": "replay policies",
    "cuts": "send features through codecs",
}


class _Shown:
    """Bars that are shown for a while, where the console is a terminal."""

    progress: Progress

    def __enter__(self) -> Self:
        if self.progress.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()


class RunProgress(_Shown):
    """A run's report (`bench.runs.phases.Report`) on a console: its title, a bar, the time of training."""

    def __init__(self, console: Console, title: str, clock: Clock = WALL) -> None:
        self.console, self.clock = console, clock
        console.print(title, style="bold")
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[line]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.bar: TaskID | None = None
        self.phase = ""
        self.begun = 0.0

    def __call__(self, phase: str, done: float, total: float, line: str) -> None:
        """Show the progress of a phase."""
        if phase != self.phase:
            self.phase, self.begun = phase, self.clock()
            if self.bar is not None:
                self.progress.remove_task(self.bar)
            self.bar = self.progress.add_task(WORDS.get(phase, f"measure {phase}"), total=None, line="")
        assert self.bar is not None
        self.progress.update(self.bar, completed=done, total=total or None, line=line)
        if phase == "train" and done == total == 1 and line == "":
            self.console.print(f"  trained in {self.clock() - self.begun:.1f} s")


class Cells(_Shown):
    """A comparison's cells on a console: how many are done, the time left, and the cell of every worker."""

    def __init__(self, console: Console, names: Sequence[str], clock: Clock = WALL) -> None:
        self.console, self.names, self.clock = console, names, clock
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            TextColumn("{task.fields[line]}", markup=False),
            console=console,
            transient=True,
        )
        self.all = self.progress.add_task("cells", total=len(names), line="")
        self.bars: dict[int, TaskID] = {}
        self.shares: dict[int, float] = {}
        self.done = 0
        self.begun = self.clock()

    def __call__(self, news: News) -> None:
        """Show one message of a worker."""
        name = self.names[news.number]
        if news.worker not in self.bars:
            self.bars[news.worker] = self.progress.add_task("", total=1, line="")
        self.shares[news.number] = news.share if news.kind == "at" else 0.0
        if news.kind != "at":
            self.done += 1
            self.progress.update(self.bars[news.worker], completed=0, description="", line="")
            left = f"{self.left()} left" if self.done < len(self.names) else "all done"
            mark = "done" if news.kind == "done" else "FAILED"
            self.console.print(
                f"[{self.done}/{len(self.names)}] {mark} {name} ({duration(news.seconds)}), {left}",
                style=None if news.kind == "done" else "red",
            )
        else:
            self.progress.update(
                self.bars[news.worker],
                completed=news.share,
                description=name,
                line=news.line,
            )
        self.progress.update(
            self.all, completed=self.done, line=f"{self.done} of {len(self.names)}, {self.left()} left"
        )

    def left(self) -> str:
        """The time left, from the cells done and the shares of those at work."""
        done = self.done + sum(self.shares.values())
        if done <= 0:
            return "unknown time"
        return duration((self.clock() - self.begun) / done * (len(self.names) - done))


def duration(seconds: float) -> str:
    """A time in words: `2 h 05 min`, `3 min 07 s` or `9 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    )
