"""Phases: the progress of a run, the time of its phases, and stillness while timings are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from bench.lock import Quiet
from bench.machine import WALL, Clock

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
        clock: of wall time.

    Attributes:
        seconds: wall time by phase.
    """

    def __init__(self, report: Report, quiet: Quiet, clock: Clock = WALL) -> None:
        self._report, self._quiet, self._clock = report, quiet, clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[PhaseReport]:
        """Time a phase; yields a function to call with the phase's progress."""
        begun = self._clock()
        self.advance(name, 0, 0, "")
        yield partial(self.advance, name)
        self.add(name, self._clock() - begun)
        self.advance(name, 1, 1, "")

    def add(self, name: str, seconds: float) -> None:
        """Add to a phase's time, such as that of an earlier sitting."""
        self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 3)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Within it, the other runs of this machine hold still."""
        with self._quiet.hold(self._clock.sleep):
            yield

    def advance(self, phase: str, done: float, total: float, line: str) -> None:
        """Report the progress of a phase, after any timings of another run."""
        self._quiet.wait()
        self._report(phase, done, total, line)
