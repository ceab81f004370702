"""Epsilon-greedy: the best arm so far, and now and then any (Sutton and Barto, Reinforcement Learning, section 2.2)."""

import math
from typing import Any

import numpy as np

from bench import Online, Share


class EpsilonGreedy(Online):
    """Plays the arm of the best mean reward, and any arm for a share of the samples."""

    epsilon: Share = 0.1
    """share of the samples whose arm is drawn"""

    @staticmethod
    def index(arm: Any, own: Any, t: int, luck: float, rng: np.random.Generator) -> float:
        """The mean reward, or where this sample explores a number drawn for each arm."""
        if arm.plays == 0:
            return math.inf
        return rng.random() if luck < own.epsilon else arm.total / arm.plays
