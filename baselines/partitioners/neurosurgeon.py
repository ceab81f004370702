"""Neurosurgeon: one cut at a tensor that every path passes, where predicted times are least (Kang et al., ASPLOS 2017).

The paper times layers of many sizes once, fits a regression for each kind of layer, and places networks that were never timed.
Here the operations of this graph are what is fitted, a line in MACs and in the bytes that they give for each kind, so its
placement shows what is lost by lines instead of times. What stays before the cut runs on the device, the rest on the last tier.
"""

from collections import defaultdict

import numpy as np

from bench import Graph, Partitioner, Placement, Site, cost


class Neurosurgeon(Partitioner):
    """The best single cut between the device and the last tier, by times that lines for each kind of layer predict."""

    def place(self, graph: Graph, site: Site) -> Placement:
        site.check(graph)
        predicted = Site(
            site.names, np.array([_predicted(graph, one) for one in site.seconds]), site.links, site.beside
        )
        count, last = len(graph.operations), len(site.names) - 1
        found = [Placement((0,) * count)]
        found += [
            Placement((*[0] * (border + 1), *[last] * (count - border - 1))) for border in graph.borders
        ]
        return min(found, key=lambda one: cost(graph, predicted, one).seconds)


def _predicted(graph: Graph, seconds: np.ndarray) -> np.ndarray:
    """Seconds of operations by a line for their kind, none below zero, float64 (operations,)."""
    kinds = defaultdict[str, list[int]](list)
    for number, one in enumerate(graph.operations):
        kinds[one.kind].append(number)
    given = [sum(edge.bytes for edge in edges) for edges in graph.out_of]
    macs = [one.macs for one in graph.operations]
    features = np.stack([macs, given, np.ones(len(macs))], 1) / [max(*macs, 1), max(*given, 1), 1.0]
    found = np.zeros(len(macs))
    for own in kinds.values():
        weights, *_ = np.linalg.lstsq(features[own], seconds[own], rcond=None)
        found[own] = features[own] @ weights
    return np.clip(found, 0.0, None)
