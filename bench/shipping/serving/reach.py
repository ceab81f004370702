"""Reach: whether a server is worth waiting for, by what became of the last questions to it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

AGAIN = 0.5
"""Seconds after which a server that did not answer is asked again; meanwhile the device answers at once by itself."""
MISSES = 2
"""Answers in a row that do not come in time, after which the device waits no longer for each."""


class Reach:
    """Counts answers that did not come. Calls from several threads are taken.

    Args:
        clock: seconds, rising.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._misses, self._asked = 0, -math.inf

    def is_worth_asking(self) -> bool:
        """Whether to wait for the server: not for a while after it did not answer several times in a row."""
        with self._lock:
            if self._misses < MISSES:
                return True
            now = self._clock()
            if now - self._asked < AGAIN:
                return False
            self._asked = now  # one sample tries; others meanwhile do not
            return True

    def missed(self, *, may_come_back: bool) -> None:
        """Count a question without an answer; one that was refused for good tells nothing of the server."""
        with self._lock:
            self._misses += may_come_back
            self._asked = self._clock()

    def answered(self) -> None:
        """Count an answer."""
        with self._lock:
            self._misses = 0
