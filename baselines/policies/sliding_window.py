"""Sliding-window UCB, for rewards that drift (Garivier and Moulines, ALT 2011, section 2.2)."""

import math
from typing import Any

import numpy as np

from bench import Count, Online, Positive


class SlidingWindow(Online):
    """UCB1 from the last samples alone: earlier rewards are forgotten."""

    c: Positive = 1.0
    """how much is explored; the paper's B * sqrt(xi)"""

    window: Count = 1000
    """how many samples back a reward counts: the paper's tau"""

    def remembers(self) -> int:
        return self.window

    @staticmethod
    def index(arm: Any, own: Any, t: int, luck: float, rng: np.random.Generator) -> float:
        """Mean reward in the window, and c * sqrt(ln min(t + 1, window) / plays in it) on top."""
        if arm.plays == 0:
            return math.inf
        return arm.total / arm.plays + own.c * math.sqrt(math.log(min(t + 1, own.window)) / arm.plays)
