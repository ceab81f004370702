"""Actions: an exit on the device, a cut and a codec at once; what one costs, and the memory of policies that choose among them.

An action is an arm with at most one exit before its cut. The exit's answer stands where it is at least so confident that, among
the known samples that stay, it is right as often as the whole network but for an allowed share. Where it does not stand, the request
goes on to the cut. The head is computed for requests that ask it, and for no others.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from bench import Evaluates, Known, Share, SplitPolicy

FADES = 0.99
"""By which a round trip is believed to be shorter after a request that was not sent, down to the least that was."""
EXIT, THRESHOLD, WAIT, TRIP, LEAST, COUNT, TABLE = range(7)
"""Places in the memory: the chosen exit and its threshold; the last wait for the server; round trip, and the least one; how many
actions there are; and the table of them."""
ARM, ACTION_EXIT, LEAVES_AT, STAYS, REACH, DEVICE, BYTES, SERVER, COLUMNS = range(9)
"""Columns of the table: arm, exit (-1 for none), its threshold; share of samples that stay; seconds of the device where they do, and
where they do not; bytes then sent, and seconds of the server."""


class Condition(NamedTuple):
    """What a request meets, for many at once, float64 (n,).

    Attributes:
        rate: bytes/s.
        unsent: bytes that the link has still to carry.
        trip: seconds there and back.
        wait: seconds for the server.
    """

    rate: np.ndarray
    unsent: np.ndarray
    trip: np.ndarray
    wait: np.ndarray


def actions(known: Known, lost: float, exits: bool) -> np.ndarray:
    """The table of actions, float64 (actions, `COLUMNS`); the last one computes all on the device and asks no exit.

    Args:
        known: the arms.
        lost: share of right answers that an arm, or an exit among those that stay, may lose.
        exits: whether there are actions with an exit.
    """
    gates = [gate(known, number, lost) for number in range(len(known.reach) - 1)] if exits else []
    rows = []
    for number in np.flatnonzero(known.within(lost)):
        arm = known.arms[number]
        for exit_ in range(min(int(arm["exits"]), len(gates))):
            threshold, share = gates[exit_]
            if share > 0:
                head = known.heads[exit_]
                rows.append(
                    (number, exit_, threshold, share, known.reach[exit_] + head, arm["device"] + head, arm["bytes"], arm["server"])
                )  # fmt: skip
        rows.append((number, -1, math.inf, 0.0, arm["device"], arm["device"], arm["bytes"], arm["server"]))
    return np.array(rows, float).reshape(-1, COLUMNS)


def gate(known: Known, exit_: int, lost: float) -> tuple[float, float]:
    """The least confidence from which on an exit's answers stand, and the share of known samples that they are; (inf, 0) for none."""
    order = np.argsort(-known.confidences[exit_], kind="stable")
    confidence = known.confidences[exit_, order]
    gained = np.cumsum(known.exit_right[exit_, order].astype(int) - known.exit_right[-1, order])
    count = np.arange(1, len(order) + 1)
    is_end = np.append(confidence[1:] < confidence[:-1], True)  # samples of one confidence stay together
    able = np.flatnonzero(is_end & (gained >= -lost * count - 1e-9))
    return (float(confidence[able[-1]]), float((able[-1] + 1) / len(order))) if len(able) else (math.inf, 0.0)


def expected(table: np.ndarray, seen: Condition, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean seconds to the answer by every action, and of them those of the device: float64 (n, actions) and (actions,).

    Args:
        table: of the actions.
        seen: the conditions.
        last: the arm that sends nothing.
    """
    sending = (seen.unsent[:, None] + table[:, BYTES]) / np.maximum(seen.rate, 1e-9)[:, None]
    away = sending + (seen.trip + seen.wait)[:, None] + table[:, SERVER]
    stays = table[:, STAYS]
    device = stays * table[:, REACH] + (1 - stays) * table[:, DEVICE]
    return device + (1 - stays) * np.where(table[:, ARM] == last, 0.0, away), device


class ActionPolicy(SplitPolicy):
    """Chooses an exit, a cut and a codec for each request; what is unknown of the link it predicts as `dynamic` does."""

    lost: Share = 0.01
    """share of right answers that an arm, or an exit among those that stay, may lose on the known samples"""
    exits: bool = True
    """whether an exit on the device is chosen too"""

    @property
    def evaluates(self) -> Evaluates:
        return "chosen" if self.exits else "none"

    def memory(self, table: np.ndarray) -> np.ndarray:
        """The memory before the first request, without what a policy has learnt."""
        return np.concatenate([[-1.0, math.inf, 0.0, math.inf, math.inf, len(table)], table.reshape(-1)])

    @staticmethod
    def stays(arm: Any, own: Any, memory: Any, exit_: int, confidence: float) -> bool:
        return confidence >= memory[THRESHOLD]

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        if feedback.sent > 0:
            memory[WAIT] = max(feedback.server - arms[int(feedback.arm)].server, 0.0)
            last = feedback.away - feedback.server
            memory[TRIP] = last if math.isinf(memory[TRIP]) else (memory[TRIP] + last) / 2
        else:
            memory[TRIP] = max(FADES * memory[TRIP], memory[LEAST])
