"""SplitEE: which exit to split at, learnt as a bandit from confidences alone (Bajpai et al., AIMLSystems 2023)."""

import math
from typing import Any

import numpy as np

from bench import Online, Positive


class Splitee(Online):
    """UCB1 over exits; only the exit that is split at is evaluated, paid for and learnt from."""

    c: Positive = 1.0
    """how much is explored"""

    @staticmethod
    def index(arm: Any, own: Any, t: int, luck: float, rng: np.random.Generator) -> float:
        """UCB1: mean reward, and c * sqrt(ln(t + 1) / plays) on top."""
        if arm.plays == 0:
            return math.inf
        return arm.total / arm.plays + own.c * math.sqrt(math.log(t + 1) / arm.plays)
