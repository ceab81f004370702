"""The contracts of split policies and profiles find what they are for.

Covers: bench/testing/games.py, bench/testing/profiles.py
"""

from typing import Any

import numpy as np
import pytest

from bench import PartTimes, Profile, SplitPolicy
from bench.testing import Nonconforming, check_profile, check_split
from bench.testing.games import small_game, small_record

COUNTED = np.zeros(1)


class Peeking(SplitPolicy):
    """Is told by whoever builds it how many requests will come: stands for any look ahead."""

    def begin(self, known):
        COUNTED[0] += 1
        return COUNTED.copy()

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        return int(memory[0]) % len(arms)


def test_a_policy_that_answers_otherwise_the_second_time_does_not_conform():
    with pytest.raises(Nonconforming, match="are answered in the same way again"):
        check_split(Peeking())


class Off(Profile):
    """A device whose deeper cuts cost less."""

    def times(self, run):
        return PartTimes(
            device=(0.0, 3.0, 2.0, 1.0),
            server=(3.0, 2.0, 1.0, 0.0),
            exits=(1.0, 1.0),
            heads=(0.0, 0.0),
            time="measured",
            source="x",
        )


def test_a_profile_whose_deeper_cuts_take_less_does_not_conform():
    with pytest.raises(Nonconforming, match="a deeper cut takes the device no less time"):
        check_profile(Off())


def test_the_small_game_is_of_the_small_record():
    run, game = small_record(), small_game()
    assert game.known.arms["cut"][-1] == len(run.cuts) - 1
    assert len(game.costs.heads) == len(run.exits)
    assert game.known.arms["exits"].tolist() == [
        sum(one.stage < cut for one in run.exits) for cut in game.known.arms["cut"]
    ]
