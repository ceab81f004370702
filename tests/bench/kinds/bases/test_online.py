"""The contract of online policies, by the example that CONTRIBUTING shows."""

import math
import re
from pathlib import Path
from typing import ClassVar

import numpy as np

from baselines.policies.best_fixed import BestFixed
from baselines.policies.confidence import Confidence
from baselines.policies.oracle import Oracle
from baselines.policies.splitee import Splitee
from bench import Online, Policy, Reference
from bench.kinds.bases.online import plays_streams
from bench.kinds.policy import decides_alone
from bench.replay.streams.play import play_stream
from bench.replay.streams.stream import Stream
from bench.testing import check_policy


class Tuned(Online):
    """UCB-V: explores an arm more where its rewards vary (Audibert et al., Theoretical Computer Science 2009)."""

    memory: ClassVar[tuple[str, ...]] = ("plays", "total", "squares")

    @staticmethod
    def index(arm, own, t, luck, rng):
        if arm.plays == 0:
            return math.inf
        mean, chance = arm.total / arm.plays, math.log(t + 1) / arm.plays
        return mean + math.sqrt(2 * max(arm.squares / arm.plays - mean**2, 0) * chance) + 3 * chance

    @staticmethod
    def update(arm, own, t, reward):
        arm.plays += 1
        arm.total += reward
        arm.squares += reward**2


def test_contributing_shows_a_policy_that_conforms():
    text = (Path(__file__).parents[4] / "CONTRIBUTING.md").read_text()
    shown = re.search(r"class Tuned.*?```", text, re.DOTALL)
    source = Path(__file__).read_text()
    assert shown is not None
    assert shown.group().removesuffix("```").strip() in source
    assert check_policy(Tuned())


def test_a_policy_keeps_the_numbers_that_it_names():
    rng = np.random.default_rng(0)
    stream = Stream(rng.random((60, 2)), rng.random((60, 2)) < 0.5)
    game = play_stream(Tuned(alpha=0.0, start="booked"), stream, stream.arms(), rng)
    for arm in range(2):
        rewards = stream.confidences[game.arms == arm, arm] - 0.1 * (arm + 1)
        assert tuple(game.memory[arm]) == (
            len(rewards),
            np.float64(sum(rewards)),
            np.float64(sum(reward**2 for reward in rewards)),
        )


def test_a_policy_may_decide_alone_or_on_streams_or_both():
    class Both(Splitee, Confidence):
        pass

    kinds = {
        Confidence(): (True, False), Splitee(): (False, True), Both(): (True, True), BestFixed(): (False, True),
        Oracle(): (True, True), Policy(): (False, False), Online(): (False, False), Reference(): (False, False),
    }  # fmt: skip
    for policy, can in kinds.items():
        assert (decides_alone(policy), plays_streams(policy)) == can
