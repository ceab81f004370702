"""Stream: the exits' confidences in samples that come one by one, from a trace or from anyone's matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.errors import SeesawError, counted
from bench.records.terms import Arms, rising
from bench.replay.trace import Trace

SURPLUS = 1e-6
"""How far above 1 rounding may put a confidence."""


@dataclass(frozen=True)
class Stream:
    """Confidences of exits, and whether their answers are right, a row a sample.

    Attributes:
        confidences: of every exit in its own answer, from 0 to 1, float64 (N, exits).
        right: whether each exit is right, boolean (N, exits); for counting only, no policy is handed it.
        costs: measured costs of leaving at each exit, in any one unit, float64 (exits,); None where nobody
            measured.
        parts: the number of samples of each part, in order; a shuffle leaves every part in its place. Empty
            where all samples are one part.
    """

    confidences: np.ndarray
    right: np.ndarray
    costs: np.ndarray | None = None
    parts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        sound = self.confidences.ndim == 2 and self.right.shape == self.confidences.shape
        if not sound or 0 in self.confidences.shape:
            raise SeesawError(
                f"Confidences {self.confidences.shape} and answers {self.right.shape} make no stream. Give both a row "
                "for every sample and a column for every exit, one of each at least."
            )
        bad = ~((self.confidences >= 0) & (self.confidences <= 1 + SURPLUS))
        if bad.any():
            sample, exit_ = (int(place) for place in np.argwhere(bad)[0])
            raise SeesawError(
                f"{counted(int(bad.sum()), 'confidence is', 'confidences are')} not from 0 to 1, the first of sample {sample} at exit {exit_} "
                f"({self.confidences[sample, exit_]:g}; both counted from 0). Mend them, or leave those samples out."
            )

    @classmethod
    def of(cls, trace: Trace) -> Stream:
        """The stream of a trace: confidence is the largest softmax probability, costs are the trace's.

        Raises:
            SeesawError: logits that are infinite or NaN.
        """
        confidences = np.empty((len(trace.labels), len(trace.costs)))
        for exit_, logits in enumerate(trace.logits):
            confidences[:, exit_] = logits.softmax(-1).amax(-1).numpy()
        right = np.ascontiguousarray(trace.correct.numpy().T)
        return cls(confidences, right, trace.costs.double().numpy())

    @classmethod
    def joined(cls, streams: Sequence[Stream]) -> Stream:
        """Several streams, one after the other, each of them a part.

        Raises:
            SeesawError: their exits differ, or what those cost.
        """
        first = streams[0]
        for other in streams[1:]:
            if other.exits != first.exits or not _same(first.costs, other.costs):
                raise SeesawError(
                    "Streams that follow each other must be of one network: their exits, or the exits' costs, differ. "
                    "Give traces of the same network."
                )
        confidences = np.concatenate([one.confidences for one in streams])
        right = np.concatenate([one.right for one in streams])
        return cls(confidences, right, first.costs, tuple(len(one.right) for one in streams))

    @property
    def exits(self) -> int:
        """How many exits there are."""
        return self.confidences.shape[1]

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.confidences)

    def order(self, rng: np.random.Generator | None) -> np.ndarray:
        """The numbers of the samples, int64 (N,), in the order in which they come.

        Without `rng` it is their own order, with it each part is shuffled.
        """
        if rng is None:
            return np.arange(len(self))
        orders, start = [], 0
        for length in self.parts or (len(self),):
            orders.append(start + rng.permutation(length))
            start += length
        return np.concatenate(orders)

    def take(self, order: np.ndarray) -> Stream:
        """The samples in another order, copied once so that every policy reads rows one after the other."""
        return replace(self, confidences=self.confidences[order], right=self.right[order])

    def arms(
        self, kind: str = "exits", costs: str | Sequence[float] = "layers", sends: Sequence[float] = ()
    ) -> Arms:
        """The arms that can be played on this stream.

        Args:
            kind: `exits`, or `cuts`: a cut behind every exit, and one before the first layer, where the input
                is sent.
            costs: `layers` counts exits; `measured` takes the stream's own, scaled so that the last exit's is
                the number of exits; numbers are the costs of leaving at each exit, and stay as they are.
            sends: of each arm, how many times `offload` sending costs there; 1 for all where left out.

        Raises:
            SeesawError: no such kind or costs, or another number of them.
        """
        if kind not in ("exits", "cuts"):
            raise SeesawError(f"There are no arms {kind!r}. Choose exits or cuts.")
        depths = self._depths(costs)
        exits = np.arange(self.exits)
        if kind == "cuts":
            exits, depths = np.r_[-1, exits], np.r_[0.0, depths]
        scale = np.asarray(sends or np.ones(len(exits)), dtype=np.float64)
        if scale.shape != exits.shape or not ((scale >= 0) & np.isfinite(scale)).all():
            raise SeesawError(
                f"The costs of sending {scale.tolist()} are not of {counted(len(exits), 'arm')} ({kind}). Give each arm one, 0 or more."
            )
        return Arms(exits.astype(np.int64), depths, scale, costs != "layers")

    def _depths(self, costs: str | Sequence[float]) -> np.ndarray:
        """The depth of each exit, float64 (exits,)."""
        if costs == "layers":
            return np.arange(1.0, self.exits + 1)
        if costs == "measured":
            if self.costs is None:
                raise SeesawError(
                    "Nobody measured what these exits cost. Give the npz file an array `costs`, or say --costs layers, "
                    "or numbers: --costs 1:2.5:4."
                )
            if not rising(self.costs, self.exits):
                raise SeesawError(
                    f"The measured costs {self.costs.tolist()} are not of {counted(self.exits, 'exit')}, each above 0 and none less than "
                    "the one before. Mend them, or say --costs layers."
                )
            return self.costs / self.costs[-1] * self.exits
        depths = np.asarray(costs if not isinstance(costs, str) else [], dtype=np.float64)
        if not rising(depths, self.exits):
            raise SeesawError(
                f"Costs {costs!r} are not of {counted(self.exits, 'exit')}. Say layers or measured, or give each exit a number above "
                "0, none less than the one before: 1:2.5:4."
            )
        return depths


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)
