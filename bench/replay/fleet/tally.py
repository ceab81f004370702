"""Tally: what came of a fleet's requests, in counts, sums and bins."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bench.replay.streams.loop import compiled

REQUESTS, ANSWERED, LATE, LOST, SENT, RIGHT, COUNTS = range(7)
"""Counts: of requests; those answered; those not answered by the deadline, or never; of these, those of devices without energy;
those sent; those answered rightly."""
LINE, DEVICE, FOR_LINK, SENDING, AWAY, FOR_SERVER, SERVED, BACK, WHOLE, WORKED, BATCHES, SUMS = range(12)
"""Sums of seconds: waiting for the device, computing there, waiting for the link, sending, the way, waiting for a server, computing
there, and the way back; from the request to its answer; of the servers, a batch's once; and a sum of shares, each message's of
its batch, which is the number of batches."""
SHORTEST, GROWS, BINS = 1e-6, 1.01, 3_000
"""The bins of times to the answer: below so many seconds, then each wider by 1%; the last one has what never came."""
STRETCHES = 50
"""Stretches of the fleet's time by which late answers are counted."""


class Tally(NamedTuple):
    """What came of all requests.

    Attributes:
        counts: by the names above, int64.
        sums: seconds by the names above, float64.
        times: requests by their time to the answer, int64 (`BINS`,).
        asked: requests by the stretch of the fleet's time in which they came, int64.
        late: of them, those not answered by the deadline.
    """

    counts: np.ndarray
    sums: np.ndarray
    times: np.ndarray
    asked: np.ndarray
    late: np.ndarray

    @classmethod
    def blank(cls) -> Tally:
        """Nothing has come yet."""
        places = np.zeros(STRETCHES, np.int64)
        return cls(
            np.zeros(COUNTS, np.int64), np.zeros(SUMS), np.zeros(BINS, np.int64), places, places.copy()
        )

    def add(self, other: Tally) -> None:
        """Add what came of other requests."""
        for own, more in zip(self, other, strict=True):
            own += more


@compiled
def count(tally, rules, asked, answered, right):
    """Count a request with its answer, or with none (infinite)."""
    taken = answered - asked
    place = min(int(asked / rules.seconds * len(tally.asked)), len(tally.asked) - 1)
    tally.counts[REQUESTS] += 1
    tally.asked[place] += 1
    if taken < math.inf:
        tally.counts[ANSWERED] += 1
        tally.counts[RIGHT] += right
        tally.sums[WHOLE] += taken
        within = int(math.log(taken / SHORTEST) / math.log(GROWS)) + 1 if taken > SHORTEST else 0
        tally.times[min(within, BINS - 2)] += 1
    else:
        tally.times[BINS - 1] += 1
    # an answer at the deadline is in time, whatever the last bit of a difference of moments says
    if not taken < math.inf or taken > rules.deadline * (1 + 1e-9):
        tally.counts[LATE] += 1
        tally.late[place] += 1
