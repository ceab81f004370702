"""The contract of every split policy, as a check."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.kinds.begun import forget
from bench.kinds.split import SplitBound, SplitPolicy
from bench.replay.deploy.game import requests_of
from bench.replay.deploy.play import play
from bench.testing.facts import Facts
from bench.testing.games import small_game


def check_split(policy: SplitPolicy) -> list[str]:
    """Check that a split policy is compiled, plays requests over a link with outages, and takes no look at labels."""
    facts = Facts()
    game = small_game()
    requests = requests_of(game, "poisson", 20.0, 50.0, 0, 1)
    played = play(policy, game, requests)
    facts.hold(
        bool(((played.arms >= 0) & (played.arms < len(game.known.arms))).all()),
        "it chooses an arm for every request",
    )
    facts.hold(
        bool(
            (played.moments[:, 0] >= requests.arrivals).all() and (np.diff(played.moments, axis=1) >= 0).all()
        ),
        "every request is begun, sent and answered in this order",
    )
    forget()
    again = play(policy, game, requests)
    facts.hold(
        np.array_equal(played.moments, again.moments) and np.array_equal(played.arms, again.arms),
        "the same requests are answered in the same way again",
        "Draw from `luck`, and keep what it learns in `memory`.",
    )
    if isinstance(policy, SplitBound):
        return facts
    other = replace(game, right=~game.right, exit_right=~game.exit_right)
    facts.hold(
        np.array_equal(played.arms, play(policy, other, requests).arms),
        "other labels change nothing that it chooses",
    )
    first = requests_of(game, "poisson", 20.0, 50.0, 0, 1)
    half = len(first.arrivals) // 2
    cut = first._replace(arrivals=first.arrivals[:half], samples=first.samples[:half], luck=first.luck[:half])
    facts.hold(
        np.array_equal(played.arms[:half], play(policy, game, cut).arms),
        "requests that are still to come change nothing that it chooses",
    )
    return facts
