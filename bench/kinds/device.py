"""Profile: a device's seconds and joules by part of a network, measured or modelled and so called."""

from __future__ import annotations

from typing import ClassVar

from bench.errors import SeesawError
from bench.plugins.plugin import Plugin
from bench.records.graph import Graph, OperationTimes
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

    def operations(self, graph: Graph) -> OperationTimes:
        """The seconds of every operation of a network's graph, where the profile has them.

        Args:
            graph: with the times of the machine that `seesaw profile --graph` ran on, where it did.

        Raises:
            SeesawError: the profile has no times of single operations, or those of another network.
        """
        raise SeesawError(
            f"{type(self).__name__} has times of stages alone, and none of single operations. Take a profile that has them: "
            "recorded, scaled, published, or a file of seesaw profile --graph."
        )
