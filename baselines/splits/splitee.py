"""SplitEE: a bandit learns at which cut to decide between the device's exit and the server.

Bajpai, Trivedi, Yadav, Hanawal, "SplitEE: Early Exit in Deep Neural Networks with Split Computing", AIMLSystems 2023. An arm is a
cut behind an exit. Where that exit's confidence reaches alpha its answer stands, else the sample is sent on. The reward is the
confidence of the answer less its cost; here the cost is the measured time to the answer, not layers and a fixed offloading cost.
A request that is given up earns the least there is, -1. With `discount` below 1, older rewards fade (Garivier & Moulines, ALT 2011), for links that change.
"""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bench import Evaluates, Known, Positive, SeesawError, Share, SplitPolicy


class Splitee(SplitPolicy):
    """Learns by UCB which cut to decide at: an exit that is sure keeps its answer, the rest is sent on."""

    alpha: Share = 0.7
    """confidence from which the device's answer stands"""
    worth: Positive | None = None
    """seconds that cost as much as a sure answer earns; left open: ten times the whole network on the device"""
    c: Annotated[float, Field(ge=0)] = 1.0
    """weight of exploring"""
    discount: Annotated[float, Field(gt=0, le=1)] = 1.0
    """by which a reward counts less with each later one; 1 for the paper's bandit"""
    lost: Share = 0.01
    """share of right answers that a codec may lose on the known samples"""

    @property
    def evaluates(self) -> Evaluates:
        return "last"

    def begin(self, known: Known) -> np.ndarray:
        arms, allowed = known.arms, known.within(self.lost)
        plays = np.full(len(arms), -1.0)  # below 0: no arm of this game
        plays[-1] = 0
        for cut in np.unique(arms["cut"][arms["exits"] > 0])[:-1]:
            best = known.smallest(allowed & (arms["cut"] == cut))
            if best >= 0:
                plays[best] = 0
        if (plays == 0).sum() < 2:
            raise SeesawError(
                "No cut behind an exit keeps the right answers. Give splitee[lost=] a larger share."
            )
        return np.concatenate([plays, np.zeros(len(arms)), [self.worth or 10 * known.whole]])

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        count, total = len(arms), 0.0
        for number in range(count):
            total += max(memory[number], 0.0)
        best, highest = count - 1, -math.inf
        for number in range(count):
            plays = memory[number]
            if plays < 0:
                continue
            index = math.inf
            if plays > 0:
                index = memory[count + number] / plays + own.c * math.sqrt(
                    2 * math.log(max(total, 1.0)) / plays
                )
            if index > highest:
                best, highest = number, index
        return best

    @staticmethod
    def stays(arm: Any, own: Any, memory: Any, exit_: int, confidence: float) -> bool:
        return confidence >= own.alpha

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        count = len(arms)
        is_given_up = feedback.sent <= 0 and feedback.bytes > 0
        reward = -1.0 if is_given_up else max(feedback.answer - feedback.seconds / memory[2 * count], -1.0)
        if own.discount < 1:
            for number in range(count):
                if memory[number] > 0:
                    memory[number] *= own.discount
                    memory[count + number] *= own.discount
        number = int(feedback.arm)
        memory[number] += 1
        memory[count + number] += reward
