"""The contract of every profile, as a check."""

from __future__ import annotations

import numpy as np

from bench.kinds.device import Profile
from bench.records.profile import PartTimes
from bench.testing.facts import Facts
from bench.testing.games import small_record


def check_profile(profile: Profile) -> list[str]:
    """Check that a profile gives the times of every part of a small network, and says where they come from."""
    facts, run = Facts(), small_record()
    times = profile.times(run)
    facts.hold(isinstance(times, PartTimes), "it gives times of parts")
    times.check(len(run.cuts), len(run.exits))
    facts.hold(times.device[0] == 0 and times.server[-1] == 0, "a part without stages takes no time")
    facts.hold(bool((np.diff(times.device) >= 0).all()), "a deeper cut takes the device no less time")
    facts.hold(bool((np.diff(times.server) <= 0).all()), "a deeper cut takes the server no more time")
    facts.hold(bool(times.source), "it says where its numbers come from")
    facts.hold(
        (times.watts is None) == (times.energy == "unknown"), "a power has a source, and no power has none"
    )
    facts.hold(times == profile.times(run), "the same network takes the same times again")
    return facts
