"""Others: the cores that other programs of this machine take while some processes are measured (Linux)."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

PROC = Path("/proc")


class Others:
    """Counts from its making on.

    Args:
        processes: that are measured, by number; they must live until `cores` is asked.
        proc: where the system keeps its counts.
    """

    def __init__(self, processes: Collection[int], proc: Path = PROC) -> None:
        self.processes, self.proc = tuple(processes), proc
        self._begun, self._counted = time.monotonic(), self._ticks()

    def cores(self) -> float | None:
        """Cores that others took since, on the mean; None where the system does not tell."""
        seconds, now = time.monotonic() - self._begun, self._ticks()
        if now is None or self._counted is None or seconds <= 0:
            return None
        return round(max(now - self._counted, 0) / os.sysconf("SC_CLK_TCK") / seconds, 4)

    def _ticks(self) -> int | None:
        """Ticks of the clock in which all cores computed, for others than the processes."""
        try:
            line = (self.proc / "stat").read_text(encoding="utf-8").split("\n", 1)[0].split()
            user, nice, system, _idle, _waiting, *interrupts = map(
                int, line[1:9]
            )  # guests are counted as users
            own = sum(self._own(one) for one in self.processes)
        except (OSError, ValueError, IndexError):
            return None
        return user + nice + system + sum(interrupts) - own

    def _own(self, process: int) -> int:
        fields = (
            (self.proc / str(process) / "stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()
        )
        return int(fields[11]) + int(fields[12])  # utime and stime, proc(5)
