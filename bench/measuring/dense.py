"""Dense: the network that a sparse one is timed beside, in PyTorch's own and native ways, and in the fastest there is here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from bench.execution.backends import Ready, Way
from bench.execution.engines import engines_of
from bench.execution.fast import compared, prepared
from bench.kinds.meter import Subject
from bench.network.net import Net, Part, ToExit

Jobs = dict[tuple[str, int], Callable[[], object]]
"""The calls to time, by place (`device` or `server` at a cut, `exit`, `PARENT` or `ENGINE` to an exit) and number."""
PARENT, ENGINE = "parent", "engine"
"""Places: the dense parent in PyTorch's kernels or as a chain; and the dense network in an engine that is faster."""


@dataclass
class Dense:
    """The dense network, ready to be timed.

    Attributes:
        jobs: to each exit that both networks have; none for a network that is dense itself and that no engine runs faster.
        way: the dense parent's, among PyTorch's kernels and chains; "" where there is no parent.
        fastest: by number of an exit, the key of the job that runs to it in the fastest way; none where no engine runs the
            network, nor for a network that is dense itself and faster than in any engine.
        fastest_way: its name.
        rows: every way with its seconds to the last exit, or with the reason why it has none.
    """

    jobs: Jobs = field(default_factory=dict)
    way: str = ""
    fastest: dict[int, tuple[str, int]] = field(default_factory=dict)
    fastest_way: str = ""
    rows: list[dict[str, str | float]] = field(default_factory=list)
    engines: int = 0
    """the number of engines that run it"""

    @property
    def reason(self) -> str | None:
        """Why no engine was timed; None where one was."""
        if self.engines:
            return None
        listed = "; ".join(f"{row['way']}: {row['reason']}" for row in self.rows if "reason" in row)
        return f"no engine beside PyTorch runs the dense network to its exits ({listed})"


def dense_beside(subject: Subject, x: Tensor, own: Way) -> Dense:
    """The dense network of a subject: its parent, or itself where it has none.

    Args:
        subject: the network that is measured.
        x: a batch of inputs.
        own: the way that the subject is timed in.
    """
    if subject.parent is None:
        return _with_engines(Dense(), subject.net, x, own, list(enumerate(subject.net.exits)))
    net = subject.parent().eval()
    both = [(n, stage) for n, stage in enumerate(subject.net.exits) if stage in net.exits]
    way, jobs, _ = prepared(net.whole(), x, lambda way: _jobs(PARENT, way, net, x, both))
    dense = Dense(jobs, way.name, {n: (PARENT, n) for n, _ in both}, way.name)
    return _with_engines(dense, net, x, way, both)


def _with_engines(dense: Dense, net: Net, x: Tensor, own: Way, both: Sequence[tuple[int, int]]) -> Dense:
    """The same, with the fastest of the engines' ways where one is faster, and all ways listed."""
    engines, reasons = engines_of(net.whole(), x)
    ways: Ready = [(own, own.prepare(net.whole(), x)), *engines] if engines else []
    seconds = compared(ways, x)
    for name in sorted(seconds, key=seconds.__getitem__):
        way = next(way for way, _ in ways if way.name == name)
        if way is own:
            break
        try:
            dense.jobs |= _jobs(ENGINE, way, net, x, both)
        except (
            Exception
        ) as error:  # engines' errors have no common base; the whole ran, and a part to an exit did not
            reasons[name] = f"does not run to every exit ({error})"[:200]
            del seconds[name]
            engines = [one for one in engines if one[0] is not way]
            continue
        dense.fastest, dense.fastest_way = {n: (ENGINE, n) for n, _ in both}, name
        break
    dense.engines = len(engines)
    if not engines:
        dense.fastest = {}
    dense.rows = [
        *({"way": name, "seconds": taken} for name, taken in seconds.items()),
        *({"way": name, "reason": reason} for name, reason in reasons.items()),
    ]
    return dense


def _jobs(place: str, way: Way, net: Net, x: Tensor, both: Sequence[tuple[int, int]]) -> Jobs:
    def to(stage: int) -> Part:  # an engine is given the feature too, which costs it nothing
        return ToExit(net, stage) if place == PARENT else Part(net, 0, stage + 1)

    return {(place, n): job(way, to(stage), x) for n, stage in both}


def job(way: Way, part: Part, x: Tensor) -> Callable[[], object]:
    """A call of a part in a way."""
    run = way.prepare(part, x)
    return lambda: run(x)
