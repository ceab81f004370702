"""Dynamic split computing: the best natural bottleneck for the present rate of the link.

Bakhtiarnia, Milosevic, Zhang, Bajovic, Iosifidis, "Dynamic Split Computing for Efficient Deep Edge Intelligence", ICASSP 2023
(arXiv 2205.11269): of the cuts whose tensor has fewer numbers than the input, and both ends, the one with the least

    T = t_head + bytes / rate + t_tail

No weight is trained. What a device has still to send, the round trip, and the last wait for the server are added here; before
the first answer the round trip is that of the connection's handshake. One that is not measured again fades down to the least that
was: else one with repairs of lost packets would be believed for ever, as nothing would be sent again. An answer that an outage held
up raises the mean of the last round trips for many requests to come; `window` takes the least of the last ones instead, as BBR does
(Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 14(5), 2016): what is beyond it is no part of the way.

A report of the modem is old when an outage begins. With `progress`, a request that finds earlier bytes still on the link takes what
has left of them since the last request as the rate, where that is lower.
"""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bench import Known, Share, SplitPolicy

FADES = 0.99
"""By which a round trip is believed to be shorter after a request that was not sent."""


class Dynamic(SplitPolicy):
    """Cuts each request at the natural bottleneck that is fastest at the present rate."""

    lost: Share = 0.01
    """share of right answers that an arm may lose on the known samples"""
    bottlenecks: bool = True
    """whether only natural bottlenecks are cuts, besides both ends; else every cut is"""
    window: Annotated[int, Field(ge=1, le=1000)] | None = None
    """how many of the last answers have the least round trip that is believed; left open: a mean that weighs the last one half"""
    progress: bool = False
    """whether bytes that are still on the link, and how many have left it since the last request, bound the rate that is believed"""

    def begin(self, known: Known) -> np.ndarray:
        ends = (known.arms["cut"] == 0) | (known.arms["codec"] < 0)
        natural = known.arms["elements"] < known.inputs
        allowed = known.within(self.lost) & (ends | natural | (not self.bottlenecks))
        last_trips = np.full(self.window or 0, math.inf)
        return np.concatenate([
            allowed.astype(float), [0.0, math.inf, math.inf, 0.0, math.inf, 0.0], last_trips
        ])  # fmt: skip

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        last = len(arms) - 1
        rate = seen.rate if math.isnan(seen.link) else seen.link
        # Of the last request: the moment at which its payload was handed over, and the bytes then unsent.
        since, before = last + 5, last + 6
        if own.progress > 0 and seen.unsent > 0 and seen.time > memory[since]:
            gone = max(memory[before] - seen.unsent, 0.0) / (seen.time - memory[since])
            rate = gone if math.isnan(rate) else min(rate, gone)
        memory[last + 3] = min(memory[last + 3], seen.trip)
        trip = memory[last + 2] if memory[last + 2] < math.inf else seen.trip
        best, least = last, arms[last].device
        for number in range(last):
            arm = arms[number]
            seconds = arm.device + trip + memory[last + 1] + arm.server
            if memory[number] <= 0:
                continue
            if math.isnan(rate):
                # Nobody has measured the link yet: one payload does, the smallest of those that are faster over a link without end.
                is_able = seen.unsent == 0 and not seconds >= arms[last].device  # a trip may be unknown too
                if is_able and (best == last or arm.bytes < arms[best].bytes):
                    best = number
            elif seconds + (seen.unsent + arm.bytes) / rate < least:
                best, least = number, seconds + (seen.unsent + arm.bytes) / rate
        memory[since] = seen.time if seen.unsent > 0 else seen.time + arms[best].device
        memory[before] = seen.unsent + arms[best].bytes
        return best

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        trip = len(arms) + 1
        if feedback.sent > 0:
            memory[len(arms)] = max(feedback.server - arms[int(feedback.arm)].server, 0.0)
            last = feedback.away - feedback.server
            if own.window > 0:
                ring, size = trip + 5, int(own.window)
                memory[ring + int(memory[trip + 2]) % size] = last
                memory[trip + 2] += 1
                memory[trip] = memory[ring]
                for place in range(1, size):
                    memory[trip] = min(memory[trip], memory[ring + place])
            else:
                memory[trip] = last if math.isinf(memory[trip]) else (memory[trip] + last) / 2
        else:
            memory[trip] = max(FADES * memory[trip], memory[trip + 1])
