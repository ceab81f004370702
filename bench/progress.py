"""What a run shows while it works: a bar where there is a terminal, a line a phase where there is none."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

WORDS = {
    "wait": "wait",
    "data": "read the data",
    "build": "build the network",
    "train": "train",
    "pack": "pack the weights",
    "trace": "trace calibration and test split",
    "cuts": "send features through codecs",
}


class Shown:
    """A run's report (`bench.runner.Report`) on a console."""

    def __init__(self, console: Console, title: str) -> None:
        self.console, self.title = console, title
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

    def __enter__(self) -> Self:
        self.console.print(self.title, style="bold")
        if self.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def __call__(self, phase: str, done: float, total: float, line: str) -> None:
        """Show where a phase stands."""
        if phase != self.phase:
            self.phase, self.begun = phase, time.perf_counter()
            if self.bar is not None:
                self.progress.remove_task(self.bar)
            self.bar = self.progress.add_task(WORDS.get(phase, f"measure {phase}"), total=None, line="")
        assert self.bar is not None
        self.progress.update(self.bar, completed=done, total=total or None, line=line)
        if phase == "train" and done == total == 1 and line == "":
            self.console.print(f"  trained in {time.perf_counter() - self.begun:.1f} s")
