"""Predicted: seconds of operations by a regression for each kind of layer, learnt from other networks that a device timed.

Kang et al., Neurosurgeon, ASPLOS 2017, section 4.2: a device times layers of many sizes once, and a regression on their
configuration predicts those of networks that it never ran. The features here are what a graph's file has of an operation:
multiply-accumulates, bytes read, bytes given, bytes of weights, and 1. Convolutions of few multiply-accumulates for each number that
they give, such as those of one channel each, are a kind of their own. Weights of the regression are none below zero, and errors
count relative to the seconds, so that short operations are as good as long ones. `seesaw profile --layers` times layers for this,
and `benchmarks/predictors.md` says how far predictions of a network are off that is none of those learnt from.

A stage takes the sum of its operations, called one by one as dense layers: what `seesaw profile` finds where stages run in the
fastest way, or a part of the weights alone, is less.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from bench import Graph, OperationTimes, PartTimes, Positive, Profile, Record, SeesawError, layers_of

FEWEST = 6
"""Operations of a kind that are needed for a regression of its own: more than there are features."""
SHORTEST = 1e-7
"""Seconds under which an operation's time is taken for this, as relative errors of nothing have no meaning."""
THIN = 50
"""Multiply-accumulates for a number that a convolution gives, below which it is one of few channels each: of 7 x 7 weights at most."""
Clock = Literal["wall", "processor"]


class Predicted(Profile):
    """A device by regressions for each kind of layer, from networks that were timed on it: modelled."""

    of: str = ""
    """folder with files of seesaw profile --layers or --graph, all from that device"""
    clock: Clock = "wall"
    """whose seconds are learnt: the wall's, or the processor's, which other programs move less"""
    watts: Positive | None = None
    """of the device while it computes; left open: unknown"""

    def times(self, run: Record) -> PartTimes:
        spec = run.setup.backbone.spec
        others = self._others([other for other in self._timed() if other.model != spec])
        layers = layers_of(run)
        strange = set[str]()

        def sums(graphs: Sequence[Graph]) -> list[float]:
            found = [predict(one, others, self.clock) for one in graphs]
            strange.update(name for _, names in found for name in names)
            return [float(seconds.sum()) for seconds, _ in found]

        stages, heads = np.array(sums(layers.stages)), sums(layers.heads)
        device = [0.0, *np.cumsum(stages).tolist()]
        device[-1] += heads[-1]
        return PartTimes(
            device=tuple(device),
            server=tuple(device[-1] - one for one in device),
            exits=tuple(
                sum(stages[: stage + 1]) + head for stage, head in zip(layers.behind, heads, strict=True)
            ),
            heads=(*heads[:-1], 0.0),
            time="modelled",
            source=self._source(others, strange),
            disturbed=self._disturbed(others),
            watts=self.watts,
            energy="unknown" if self.watts is None else "modelled",
            by_layer=True,
        )

    def operations(self, graph: Graph) -> OperationTimes:
        others = self._others([other for other in self._timed() if other.identity != graph.identity])
        seconds, strange = predict(graph, others, self.clock)
        return OperationTimes(
            tuple(seconds.tolist()), "modelled", self._source(others, strange), self._disturbed(others)
        )

    def _timed(self) -> list[Graph]:
        return [Graph.read(path) for path in sorted(Path(self.of).glob("*.json"))] if self.of else []

    def _others(self, others: list[Graph]) -> list[Graph]:
        """Those of other networks.

        Raises:
            SeesawError: there is none.
        """
        if not others:
            raise SeesawError(
                f"predicted[of={self.of or 'FOLDER'}] has no file of another network. Name a folder of files that seesaw profile "
                "--layers or --graph wrote."
            )
        return others

    @staticmethod
    def _source(others: Sequence[Graph], strange: Iterable[str]) -> str:
        source = f"regressions by kind over {len(others)} networks"
        rare = ", ".join(sorted(strange))
        return f"{source}; by that over all kinds, being rare there: {rare}" if rare else source

    def _disturbed(self, others: Sequence[Graph]) -> bool:
        return self.clock == "wall" and any(other.times.disturbed for other in others)


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
    kinds = [name for other in others for name in kinds_of(other)]
    places = defaultdict[str, list[int]](list)
    for number, name in enumerate(kinds):
        places[name].append(number)
    own, found, strange = features(graph), np.zeros(len(graph.operations)), set[str]()
    mine = kinds_of(graph)
    for name in set(mine) - {"input"}:
        here = [number for number, one in enumerate(mine) if one == name]
        learnt = places[name]
        if len(learnt) < FEWEST:
            strange.add(name)
            learnt = [number for number, other in enumerate(kinds) if other != "input"]
        found[here] = own[here] @ regression(rows[learnt], seconds[learnt])
    return found, sorted(strange)


def kind(name: str) -> str:
    """The kind of a layer, whether a module or a function computes it: `ReLU` and `relu`, `AvgPool2d` and `avg_pool2d`."""
    return name.lower().replace("_", "")


def kinds_of(graph: Graph) -> list[str]:
    """The kind of each operation; a convolution of few multiply-accumulates for each number that it gives is `thin`."""
    found = []
    for one, out in zip(graph.operations, graph.out_of, strict=True):
        name = kind(one.kind)
        given = sum(edge.bytes for edge in out[:1]) / 4
        found.append(f"thin {name}" if name.startswith("conv") and one.macs < THIN * given else name)
    return found


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
