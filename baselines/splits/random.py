"""Random: any arm for any request. A policy that is no better has learnt nothing."""

from typing import Any

from bench import SplitPolicy


class Random(SplitPolicy):
    """Reference: takes any cut with any codec, each equally often."""

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return min(int(luck * len(arms)), len(arms) - 1)
