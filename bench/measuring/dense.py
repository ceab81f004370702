"""Dense: the network that a sparse one is timed beside, in PyTorch's own and native ways, and in the fastest there is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from bench.execution.backends import Way
from bench.execution.clock import Times
from bench.execution.engines import engines_of
from bench.execution.fast import prepared
from bench.kinds.meter import Subject
from bench.network.net import Net, Part, ToExit

Jobs = dict[tuple[str, int], Callable[[], object]]
"""The calls to time, by place (`device` or `server` at a cut; `exit`, `PARENT`, or an engine's name, to an exit) and number."""
PARENT = "parent"
"""Place of the dense parent in PyTorch's kernels or as a chain."""


@dataclass
class Dense:
    """The dense network, ready to be timed in turn with the one that is measured.

    Attributes:
        way: its own, among PyTorch's kernels and chains.
        own: by number of an exit that both networks have, the key of the job that runs to it in this way.
        jobs: those to time beside the network's own.
        itself: whether the network that is measured is the dense one.
        engines: the names of the engines that run to every exit.
        reasons: of the others.
    """

    way: str
    own: dict[int, tuple[str, int]]
    jobs: Jobs = field(default_factory=dict)
    itself: bool = False
    engines: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str | None:
        """Why no engine is timed; None where one is."""
        if self.engines:
            return None
        listed = "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items())
        return f"no engine beside PyTorch runs the dense network to its exits ({listed})"

    def fastest(self, rounds: Mapping[tuple[str, int], Times]) -> tuple[str, dict[int, tuple[str, int]]]:
        """The fastest way to the last exit, and the keys of its jobs by exit; no keys where it is the measured network's own.

        It is found in the same rounds that the ratio is taken from, since a trial before may meet other programs.
        """
        name = str(min(self.timed(rounds), key=lambda row: row["seconds"])["way"])
        keys = self.own if name == self.way else {n: (name, n) for n in self.own}
        return name, {} if name == self.way and self.itself else keys

    def timed(self, rounds: Mapping[tuple[str, int], Times]) -> list[dict[str, Any]]:
        """Every way with its median seconds to the last exit that both networks have."""
        last = max(self.own)
        keys = {self.way: self.own[last]} | {name: (name, last) for name in self.engines}
        return [{"way": name, "seconds": rounds[key].reading("").value} for name, key in keys.items()]

    def rows(self, rounds: Mapping[tuple[str, int], Times]) -> list[dict[str, Any]]:
        """As `timed`, and the ways that were not timed, with the reason."""
        return self.timed(rounds) + [{"way": name, "reason": reason} for name, reason in self.reasons.items()]


def dense_beside(subject: Subject, x: Tensor, own: Way) -> Dense:
    """The dense network of a subject: its parent, or itself where it has none.

    Args:
        subject: the network that is measured.
        x: a batch of inputs.
        own: the way that the subject is timed in.
    """
    if subject.parent is None:
        both = list(enumerate(subject.net.exits))
        dense = Dense(own.name, {n: ("exit", n) for n, _ in both}, itself=True)
        return _with_engines(dense, subject.net, x, both)
    net = subject.parent().eval()
    both = [(n, stage) for n, stage in enumerate(subject.net.exits) if stage in net.exits]
    way, jobs, _ = prepared(net.whole(), x, lambda way: _jobs(PARENT, way, net, x, both))
    return _with_engines(Dense(way.name, {n: (PARENT, n) for n, _ in both}, jobs), net, x, both)


def _with_engines(dense: Dense, net: Net, x: Tensor, both: Sequence[tuple[int, int]]) -> Dense:
    """The same, with the jobs of every engine that runs to all exits."""
    engines, dense.reasons = engines_of(net.whole(), x)
    for way, _ in engines if both else ():
        try:
            dense.jobs |= _jobs(way.name, way, net, x, both)
            dense.engines.append(way.name)
        except (
            Exception
        ) as error:  # engines' errors have no common base; the whole ran, and a part to an exit did not
            dense.reasons[way.name] = f"does not run to every exit ({error})"[:200]
    return dense


def _jobs(place: str, way: Way, net: Net, x: Tensor, both: Sequence[tuple[int, int]]) -> Jobs:
    def to(stage: int) -> Part:  # an engine is given the feature too, which costs it nothing
        return ToExit(net, stage) if place == PARENT else Part(net, 0, stage + 1)

    return {(place, n): job(way, to(stage), x) for n, stage in both}


def job(way: Way, part: Part, x: Tensor) -> Callable[[], object]:
    """A call of a part in a way."""
    run = way.prepare(part, x)
    return lambda: run(x)
