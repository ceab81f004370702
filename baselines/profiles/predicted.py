"""Predicted: seconds of operations by a regression for each kind of layer, learnt from other networks that a device timed.

Kang et al., Neurosurgeon, ASPLOS 2017, section 4.2: a device times layers of many sizes once, and a regression on their
configuration predicts those of networks that it never ran. The features here are what a graph's file has of an operation:
multiply-accumulates, bytes read, bytes given, bytes of weights, and 1. Weights of the regression are none below zero, and errors
count relative to the seconds, so that short operations are as good as long ones. `benchmarks/predictors.md` says how far
predictions of a network are off that is none of those learnt from.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from bench import Graph, OperationTimes, PartTimes, Profile, Record, SeesawError

FEWEST = 6
"""Operations of a kind that are needed for a regression of its own: more than there are features."""
SHORTEST = 1e-7
"""Seconds under which an operation's time is taken for this, as relative errors of nothing have no meaning."""
Clock = Literal["wall", "processor"]


class Predicted(Profile):
    """A device by regressions for each kind of layer, from networks that were timed on it: modelled."""

    of: str = ""
    """folder with files of seesaw profile --graph, of other networks, all from that device"""
    clock: Clock = "wall"
    """whose seconds are learnt: the wall's, or the processor's, which other programs move less"""

    def times(self, run: Record) -> PartTimes:
        raise SeesawError(
            "predicted[] predicts single operations, and a run's record has stages alone. Use it with seesaw partition, or profile "
            "the run: seesaw profile."
        )

    def operations(self, graph: Graph) -> OperationTimes:
        paths = sorted(Path(self.of).glob("*.json")) if self.of else []
        others = [other for other in map(Graph.read, paths) if other.identity != graph.identity]
        if not others:
            raise SeesawError(
                f"predicted[of={self.of or 'FOLDER'}] has no file of another network. Name a folder of files that seesaw profile "
                "--graph wrote."
            )
        seconds, strange = predict(graph, others, self.clock)
        source = f"regressions by kind over {len(others)} networks"
        if strange:
            source += f"; by that over all kinds, being rare there: {', '.join(strange)}"
        disturbed = self.clock == "wall" and any(other.times.disturbed for other in others)
        return OperationTimes(tuple(seconds.tolist()), "modelled", source, disturbed)


def predict(graph: Graph, others: Sequence[Graph], clock: Clock) -> tuple[np.ndarray, list[str]]:
    """Predict the seconds of a network's operations from the times of others.

    Args:
        graph: the network; its own times are not looked at.
        others: with times.
        clock: whose seconds.

    Returns:
        (seconds, float64 (operations,); the kinds of it that the others have too few of, which the regression over all kinds predicts).

    Raises:
        SeesawError: an operation of the others was not timed by that clock.
    """
    rows = np.concatenate([features(other) for other in others])
    seconds = np.concatenate([_seconds(other, clock) for other in others])
    kinds = [kind(one.kind) for other in others for one in other.operations]
    places = defaultdict[str, list[int]](list)
    for number, name in enumerate(kinds):
        places[name].append(number)
    own, found, strange = features(graph), np.zeros(len(graph.operations)), set[str]()
    for name in {kind(one.kind) for one in graph.operations} - {"input"}:
        here = [number for number, one in enumerate(graph.operations) if kind(one.kind) == name]
        learnt = places[name]
        if len(learnt) < FEWEST:
            strange.add(name)
            learnt = [number for number, other in enumerate(kinds) if other != "input"]
        found[here] = own[here] @ regression(rows[learnt], seconds[learnt])
    return found, sorted(strange)


def kind(name: str) -> str:
    """The kind of a layer, whether a module or a function computes it: `ReLU` and `relu`, `AvgPool2d` and `avg_pool2d`."""
    return name.lower().replace("_", "")


def features(graph: Graph) -> np.ndarray:
    """Multiply-accumulates, bytes read, bytes given, bytes of weights, and 1 of each operation, float64 (operations, 5)."""
    return np.array([
        [one.macs, sum(edge.bytes for edge in into), sum(edge.bytes for edge in out), one.parameters, 1.0]
        for one, into, out in zip(graph.operations, graph.into, graph.out_of, strict=True)
    ])  # fmt: skip


def regression(rows: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Weights of the least squares of relative errors, none below zero: a feature whose weight would be is left out.

    Args:
        rows: float64 (operations, features).
        seconds: float64 (operations,).
    """
    known = np.maximum(seconds, SHORTEST)
    scale = np.maximum(rows.max(0), 1e-30)
    scaled = rows / scale / known[:, None]
    kept, weights = np.flatnonzero(rows.any(0)), np.zeros(rows.shape[1])
    while len(kept):
        found, *_ = np.linalg.lstsq(scaled[:, kept], seconds / known, rcond=None)
        if (found >= 0).all():
            weights[kept] = found
            break
        kept = np.delete(kept, found.argmin())
    return weights / scale


def _seconds(graph: Graph, clock: Clock) -> np.ndarray:
    """The seconds of a graph's operations by a clock; the input takes none."""
    found = []
    for one in graph.operations:
        reading = one.seconds
        value = None if reading is None else reading.value if clock == "wall" else reading.processor
        if value is None and one.kind != "input":
            raise SeesawError(
                f"{one.name} of {graph.model} has no seconds of the {clock}. Time it again: seesaw profile --graph."
            )
        found.append(value or 0.0)
    return np.array(found)
