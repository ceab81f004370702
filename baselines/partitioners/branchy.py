"""Branchy: one cut of a network with early exits, where the expected time is least (Pacheco, Couto, "Inference time optimization
using BranchyNet partitioning", ISCC 2020).

Exits before the cut are asked on the device, and a share of the samples leaves there; what is behind them is computed, and sent,
for the others alone. Exits behind the cut are not asked: the server is fast enough to go on. The paper finds the cut as a shortest
path through a chain; here every cut at a tensor that every path passes is counted.
"""

from bench import Graph, Partitioner, Placement, Site, cost


class Branchy(Partitioner):
    """The best single cut by expected time: exits on the device are asked, those behind the cut are not."""

    def place(self, graph: Graph, site: Site) -> Placement:
        site.check(graph)
        count, last = len(graph.operations), len(site.names) - 1
        every = tuple(range(len(graph.exits)))
        found = [Placement((0,) * count, asked=every)]
        for border in graph.borders:
            asked = tuple(number for number in every if graph.exits[number].behind <= border)
            found.append(Placement((*[0] * (border + 1), *[last] * (count - border - 1)), asked=asked))
        return min(found, key=lambda one: cost(graph, site, one).seconds)
