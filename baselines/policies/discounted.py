"""Discounted UCB, for rewards that drift (Kocsis and Szepesvari 2006; Garivier and Moulines, ALT 2011, section 2.1)."""

import math
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from bench import Online, Positive


class Discounted(Online):
    """UCB1 in which a reward counts less with every sample that passes."""

    memory: ClassVar[tuple[str, ...]] = ("plays", "total", "when")

    c: Positive = 1.0
    """how much is explored; the paper's 2 * B * sqrt(xi)"""

    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """factor on a reward's weight with every sample that passes"""

    @staticmethod
    def index(arm: Any, own: Any, t: int, luck: float, rng: np.random.Generator) -> float:
        """Discounted mean, plus c * sqrt(ln n / discounted plays); n: the weight of all samples so far."""
        if arm.plays == 0:
            return math.inf
        plays = arm.plays * own.gamma ** (t - arm.when)
        weight = (1 - own.gamma ** (t + 1)) / (1 - own.gamma)
        return arm.total / arm.plays + own.c * math.sqrt(math.log(weight) / plays)

    @staticmethod
    def update(arm: Any, own: Any, t: int, reward: float) -> None:
        """Discount plays and rewards to sample t, and add one of each."""
        left = own.gamma ** (t - arm.when)
        arm.plays = arm.plays * left + 1
        arm.total = arm.total * left + reward
        arm.when = t
