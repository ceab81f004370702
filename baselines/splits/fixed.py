"""Fixed: every request is cut at one place, and a sure exit on the way keeps its answer."""

from typing import Any

import numpy as np

from bench import Evaluates, Known, SeesawError, Share, SplitPolicy, Whole


class Fixed(SplitPolicy):
    """Cuts every request at one place; where the device's exits are sure enough, nothing is sent."""

    cut: Whole = 1
    """first stage of the server's part; the number of stages for all on the device"""
    codec: str | None = None
    """spec of the codec; left open: the one of the fewest bytes that loses at most 1% of right answers, else the one that loses the fewest"""
    threshold: Share | None = None
    """confidence from which an exit's answer stands; left open: no exit is evaluated before the cut"""

    @property
    def evaluates(self) -> Evaluates:
        return "none" if self.threshold is None else "all"

    def begin(self, known: Known) -> np.ndarray:
        arms = known.arms
        here = arms["cut"] == self.cut
        if self.codec is not None and self.cut < arms["cut"][-1]:
            number = known.arm(self.cut, self.codec)
            if number < 0:
                raise SeesawError(
                    f"Nothing was sent at cut {self.cut} through {self.codec}. Choose one of {', '.join(known.names(self.cut)) or 'no codec'}"
                    f" there, at cuts 0 to {int(arms['cut'][-1])}."
                )
            return np.array([float(number)])
        if not here.any():
            raise SeesawError(f"There is no cut {self.cut}. Choose one from 0 to {int(arms['cut'][-1])}.")
        best = known.smallest(here & known.within(0.01))
        return np.array([float(best if best >= 0 else np.where(here, arms["right"], -1).argmax())])

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return int(memory[0])

    @staticmethod
    def stays(arm: Any, own: Any, memory: Any, exit_: int, confidence: float) -> bool:
        return confidence >= own.threshold
