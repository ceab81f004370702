"""Thompson sampling with Gaussian priors (Agrawal and Goyal, AISTATS 2013, algorithm 2)."""

import math
from typing import Any

import numpy as np

from bench import Online, Positive


class Thompson(Online):
    """Plays the arm that is best in a draw from the belief about each arm's mean reward."""

    c: Positive = 1.0
    """standard deviation of a belief before anything is learnt; 1 in the paper"""

    @staticmethod
    def index(arm: Any, own: Any, t: int, luck: float, rng: np.random.Generator) -> float:
        """Drawn from a normal distribution: mean total / (plays + 1), variance c^2 / (plays + 1)."""
        plays = arm.plays + 1
        return arm.total / plays + own.c / math.sqrt(plays) * rng.standard_normal()
