"""SplitEE-S: SplitEE whose arms before the chosen cut learn too, from the exits on the way.

Bajpai, Trivedi, Yadav, Hanawal, "SplitEE: Early Exit in Deep Neural Networks with Split Computing", AIMLSystems 2023. All exits
before the cut are computed and paid for. An arm on the way whose exit is sure would have kept that answer: its reward is known.
One whose exit is not would have sent from there. The paper takes the last exit's confidence for known then; here it is the
server's where the request was sent, and that of the deepest exit on the device where it was not. The seconds of what was not sent
follow from the last payload's: so many for each byte, its round trip, and its wait for the server; after a request that was given up
nobody knows them.
"""

import math
from typing import Any

import numpy as np

from baselines.splits.splitee import Splitee
from bench import MOST_EXITS, Evaluates, Known


class SpliteeS(Splitee):
    """SplitEE whose arms on the way to the chosen cut learn from their exits as well."""

    @property
    def evaluates(self) -> Evaluates:
        return "all"

    def begin(self, known: Known) -> np.ndarray:
        memory = super().begin(known)
        count = len(known.arms)
        memory[:count][(known.arms["exits"] > MOST_EXITS) & (known.arms["codec"] >= 0)] = -1
        return np.append(
            memory, [math.nan] * 3
        )  # of the last payload: seconds a byte, round trip, wait for the server

    @staticmethod
    def stays(arm: Any, own: Any, memory: Any, exit_: int, confidence: float) -> bool:
        return exit_ == int(arm.exits) - 1 and confidence >= own.alpha

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        count, chosen = len(arms), int(feedback.arm)
        link = 2 * count + 1
        is_given_up = feedback.sent <= 0 and feedback.bytes > 0
        if is_given_up:
            memory[link] = math.nan
        if feedback.sent > 0:
            memory[link] = feedback.sending / max(feedback.bytes, 1.0)
            memory[link + 1] = feedback.away - feedback.server
            memory[link + 2] = max(feedback.server - arms[chosen].server, 0.0)
        if own.discount < 1:
            for number in range(count):
                if memory[number] > 0:
                    memory[number] *= own.discount
                    memory[count + number] *= own.discount
        for number in range(count):
            if memory[number] < 0 or (number != chosen and arms[number].exits >= arms[chosen].exits):
                continue
            answer, seconds = feedback.answer, feedback.seconds
            if number != chosen:
                arm = arms[number]
                seconds = arm.device + arm.heads
                local = feedback.confidences[int(arm.exits) - 1]
                if local >= own.alpha:
                    answer = local
                else:
                    seconds += arm.bytes * memory[link] + memory[link + 1] + memory[link + 2] + arm.server
            reward = max(answer - seconds / memory[2 * count], -1.0)
            if number == chosen and is_given_up:
                reward = -1.0
            elif math.isnan(answer) or not math.isfinite(seconds):
                continue  # before anything was sent, nobody knows what sending takes
            memory[number] += 1
            memory[count + number] += reward
