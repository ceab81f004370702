"""Phases: the progress of a run, the time of its phases, and stillness while timings are taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.lock import Quiet

Report = Callable[[str, float, float, str], None]
"""Called with the phase, work done, work expected and a short line."""
PhaseReport = Callable[[float, float, str], None]
"""The same within a phase."""


def silent(phase: str, done: float, total: float, line: str) -> None:
    """A report that does nothing."""


class Phases:
    """A run's clock.

    Args:
        report: called with the progress of each phase.
        quiet: shared with the other runs of this machine: each holds still while another takes its timings.

    Attributes:
        seconds: wall time by phase.
    """

    def __init__(self, report: Report, quiet: Quiet) -> None:
        self._report, self._quiet = report, quiet
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[PhaseReport]:
        """Time a phase; yields a function to call with the phase's progress."""
        begun = time.perf_counter()
        self._advance(name, 0, 0, "")
        yield lambda done, total, line: self._advance(name, done, total, line)
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - begun, 3)
        self._advance(name, 1, 1, "")

    @contextmanager
    def still(self) -> Iterator[None]:
        """Within it, the other runs of this machine hold still."""
        with self._quiet.hold(time.sleep):
            yield

    def _advance(self, phase: str, done: float, total: float, line: str) -> None:
        self._quiet.wait()
        self._report(phase, done, total, line)
