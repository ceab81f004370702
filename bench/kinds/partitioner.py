"""Partitioner: computes where each operation of a network's graph runs, from times, bytes and the links' state."""

from __future__ import annotations

from typing import ClassVar

from bench.kinds.placement import Placement, Site
from bench.plugins.plugin import Plugin
from bench.records.graph import Graph


class Partitioner(Plugin):
    """The contract: `place` gives a tier to every operation, none before the tier of one that it needs; the input's is 0.

    Its costs are counted by `bench.cost`, never by itself. One whose `is_exact` holds gives a placement of the least
    seconds there are, of those without shared rows.
    """

    kind: ClassVar[str] = "partitioner"

    is_exact: ClassVar[bool] = False
    """whether no placement (without shared rows) takes less time"""

    def place(self, graph: Graph, site: Site) -> Placement:
        """Where each operation runs.

        Args:
            graph: operations, and the tensors between them.
            site: the tiers, their seconds for each operation, and the links between them.

        Raises:
            SeesawError: this graph or this site is none that it can place.
        """
        raise NotImplementedError(f"{type(self).__name__} must define place(graph, site)")

    def repair(self, graph: Graph, site: Site, placement: Placement) -> Placement:
        """The placement after times or links have changed; the default places everything anew.

        Args:
            graph: as before.
            site: as it is now.
            placement: that stood before.
        """
        return self.place(graph, site)
