"""Enumeration: of every exit, cut and codec at once, the one of the least expected time; the rival of policies that learn to choose among them.

Nothing is learnt: with a few dozen actions all can be asked. A request takes the action with the least T + ahead Q t, where T is its
expected time to the answer at the present rate, t of it the seconds of the device, and Q the requests that wait behind it.
"""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from baselines.splits.actions import (
    ACTION_EXIT,
    ARM,
    BYTES,
    COLUMNS,
    COUNT,
    DEVICE,
    EXIT,
    LEAST,
    LEAVES_AT,
    REACH,
    SERVER,
    STAYS,
    TABLE,
    THRESHOLD,
    TRIP,
    WAIT,
    ActionPolicy,
    actions,
)
from bench import Known


class Enumeration(ActionPolicy):
    """Takes the exit, cut and codec of the least expected time at the present rate, those that wait behind counted."""

    ahead: Annotated[float, Field(ge=0, le=1000)] = 1.0
    """weight of the seconds by which a request delays each that waits behind it"""

    def begin(self, known: Known) -> np.ndarray:
        return self.memory(actions(known, self.lost, self.exits))

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        last, count = len(arms) - 1, int(memory[COUNT])
        rate = seen.rate if math.isnan(seen.link) else seen.link
        memory[LEAST] = min(memory[LEAST], seen.trip)
        trip = memory[TRIP] if memory[TRIP] < math.inf else seen.trip
        best, least = count - 1, math.inf
        if math.isnan(rate):
            # Nobody has measured the link yet: one payload does, the smallest of those that are faster over a link without end.
            for number in range(count):
                at = TABLE + COLUMNS * number
                is_slower = memory[at + DEVICE] + trip + memory[at + SERVER] >= arms[last].device
                is_sent = memory[at + ARM] < last and seen.unsent == 0
                if is_sent and not is_slower and memory[at + BYTES] < least:
                    best, least = number, memory[at + BYTES]
        else:
            for number in range(count):
                at = TABLE + COLUMNS * number
                stays = memory[at + STAYS]
                device = stays * memory[at + REACH] + (1 - stays) * memory[at + DEVICE]
                seconds = device
                if memory[at + ARM] < last:
                    sending = (seen.unsent + memory[at + BYTES]) / rate if rate > 0 else math.inf
                    away = sending + trip + memory[WAIT] + memory[at + SERVER]
                    seconds += (1 - stays) * away if stays < 1 else 0.0
                score = seconds + own.ahead * seen.queue * device
                if score < least:
                    best, least = number, score
        at = TABLE + COLUMNS * best
        memory[EXIT], memory[THRESHOLD] = memory[at + ACTION_EXIT], memory[at + LEAVES_AT]
        return int(memory[at + ARM])
