"""muLinUCB: a contextual bandit over cuts that needs no profile of the server, nor of the link.

Zhang, Chen, Xu, "Autodidactic Neurosurgeon" (ANS), WWW 2021 (arXiv 2102.02638): the time behind a cut is taken to be linear in
what is left to do there, here a constant, the bytes, and the server's MACs; its weights are learnt by ridge regression from the
times of requests that were sent. The cut with the least optimistic time is taken. Computing all on the device teaches nothing of
the rest, so every so often a cut that sends is forced. The page of the paper gives no schedule: here one of `every` requests. A request
that is given up tells nothing of bytes and MACs: it makes every cut that sends dearer by ten times the whole network on the device,
until one is answered again.
"""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bench import Count, Known, Positive, SeesawError, Share, SplitPolicy

GIVEN_UP = 10.0
"""What sending costs more after a request that was given up, in times of the whole network on the device."""


class MuLinUcb(SplitPolicy):
    """Learns how long cuts take from their bytes and MACs, and takes the one with the least optimistic time."""

    alpha: Annotated[float, Field(ge=0)] = 0.5
    """weight of exploring"""
    every: Count = 50
    """of so many requests one is sent in any case"""
    keep: Annotated[float, Field(gt=0, le=1)] = 0.99
    """by which an observation counts less with each later one, as links change; 1 for none"""
    ridge: Positive = 1.0
    """of the regression"""
    lost: Share = 0.01
    """share of right answers that an arm may lose on the known samples"""

    def begin(self, known: Known) -> np.ndarray:
        arms, allowed = known.arms, known.within(self.lost)
        sends = allowed & (arms["codec"] >= 0)
        if not sends.any():
            raise SeesawError(
                "No arm that sends keeps the right answers. Give mu-linucb[lost=] a larger share."
            )
        scales = [
            max(arms["bytes"].max(), 1.0),
            max(np.nan_to_num(arms["rest"]).max(), 1.0),
            known.whole or 1.0,
        ]
        inverse = np.eye(3).ravel() / self.ridge
        return np.concatenate(
            [inverse, np.zeros(3), scales, [0.0, known.smallest(sends)], allowed.astype(float), [0.0]]
        )

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        count = len(arms)
        memory[15] += 1
        if memory[15] >= own.every:
            memory[15] = 0
            return int(memory[16])
        best, least = count - 1, arms[count - 1].device / memory[14]
        for number in range(count - 1):
            if memory[17 + number] <= 0:
                continue
            one, two = arms[number].bytes / memory[12], arms[number].rest / memory[13]
            mean, width = 0.0, 0.0
            for row in range(3):
                left = 1.0 if row == 0 else one if row == 1 else two
                inner, weight = 0.0, 0.0
                for column in range(3):
                    right = 1.0 if column == 0 else one if column == 1 else two
                    inner += memory[3 * row + column] * right
                    weight += memory[3 * row + column] * memory[9 + column]
                mean += left * weight
                width += left * inner
            time = arms[number].device / memory[14] + mean - own.alpha * math.sqrt(max(width, 0.0))
            time += memory[17 + count]
            if time < least:
                best, least = number, time
        return best

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        if feedback.bytes > 0:
            memory[17 + len(arms)] = 0.0 if feedback.sent > 0 else GIVEN_UP
        if feedback.sent <= 0:
            return
        arm = arms[int(feedback.arm)]
        one, two = arm.bytes / memory[12], arm.rest / memory[13]
        time = (feedback.sending + feedback.away) / memory[14]
        # Sherman and Morrison's formula for the inverse of keep * A + x x'.
        first = (memory[0] + memory[1] * one + memory[2] * two) / own.keep
        second = (memory[3] + memory[4] * one + memory[5] * two) / own.keep
        third = (memory[6] + memory[7] * one + memory[8] * two) / own.keep
        scale = 1.0 + first + one * second + two * third
        for row in range(3):
            left = first if row == 0 else second if row == 1 else third
            for column in range(3):
                right = first if column == 0 else second if column == 1 else third
                memory[3 * row + column] = memory[3 * row + column] / own.keep - left * right / scale
        memory[9] = own.keep * memory[9] + time
        memory[10] = own.keep * memory[10] + time * one
        memory[11] = own.keep * memory[11] + time * two
        if not memory[0] < 1e6:  # where nothing is sent for long, what is known fades, but not without end
            for place in range(9):
                memory[place] = (1.0 / own.ridge) if place % 4 == 0 else 0.0
