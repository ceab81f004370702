"""The contract of every channel, as a check."""

from __future__ import annotations

import numpy as np

from bench.kinds.channel import COLUMNS, Channel, Conditions
from bench.testing.facts import Facts

SECONDS = 120.0


def check_channel(channel: Channel) -> list[str]:
    """Check that a channel gives tables, the same for the same seed, and that a longer one only goes on."""
    facts = Facts()
    for seed in (0, 1):
        table = channel.conditions(SECONDS, seed)
        facts.hold(isinstance(table, Conditions), "it gives a table of conditions")
        same = channel.conditions(SECONDS, seed)
        facts.hold(_begins(same, table, np.inf), "the same seed gives the same link")
        longer = channel.conditions(3 * SECONDS, seed)
        facts.hold(
            _begins(longer, table, SECONDS),
            "a longer table begins with the shorter one",
            "Draw what is random piece by piece.",
        )
        facts.hold(bool((table.up > 0).any()), "something passes")
    return list(dict.fromkeys(facts))


def _begins(table: Conditions, other: Conditions, until: float) -> bool:
    """Whether two tables agree until a time, in whatever pieces they write it."""
    starts = np.union1d(table.start, other.start)
    at, theirs = table.piece(starts[starts < until]), other.piece(starts[starts < until])
    columns = all(np.array_equal(getattr(table, c)[at], getattr(other, c)[theirs]) for c in COLUMNS[1:])
    tails = [(one.tail_seconds, one.tail_watts) for one in (table, other)]
    return columns and tails[0] == tails[1]
