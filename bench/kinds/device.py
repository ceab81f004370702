"""Profile: a device's seconds and joules by part of a network, measured or modelled and so called."""

from __future__ import annotations

from typing import ClassVar

from bench.plugins.plugin import Plugin
from bench.records.profile import PartTimes
from bench.records.record import Record


class Profile(Plugin):
    """The contract: `times` gives the seconds of every part of a network on a device, and where they come from.

    What a clock gave is `time="measured"`; what follows from other numbers is `time="modelled"`. A deployment says which it
    used, and boards never rank one beside the other.
    """

    kind: ClassVar[str] = "profile"

    def times(self, run: Record) -> PartTimes:
        """The numbers of a network's parts.

        Args:
            run: the record of the network's run: its cuts, exits, MACs and, on its own machine, latencies.

        Raises:
            SeesawError: the profile is of another network, or the record lacks the readings that it needs.
        """
        raise NotImplementedError(f"{type(self).__name__} must define times(run)")
