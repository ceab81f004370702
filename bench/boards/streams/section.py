"""Section: one network's stream records under one definition of reward, and a line for each policy."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from bench.boards.rows import RANKED_FROM, shared
from bench.errors import counted
from bench.records.mean import Mean
from bench.records.setup import plan_of
from bench.records.stream import Result, StreamRecord
from bench.records.terms import BASELINES

ALIKE = 5e-4
"""Policies answer alike where their shares of right answers differ by at most this."""
DEGENERATE = (
    'This stream says nothing of accuracy: in each seed all policies answer alike, the bounds included, so that "nothing lost" '
    "is no merit of a policy. Only costs differ."
)


@dataclass(frozen=True)
class PolicyLine:
    """One policy at one cost of sending: means over seeds.

    Attributes:
        policy: its spec, or the baseline's name.
        kind: `baseline`, `policy`, or `bound` for one that sees labels or the whole stream.
        offload: cost of sending a sample on, in lambdas.
        rank: by regret among policies at this cost, shared where equal; None for others, and below three seeds.
        numbers: by the names that `_numbers` gives them.
    """

    policy: str
    kind: str
    offload: float
    rank: int | None
    numbers: dict[str, Mean]


@dataclass(frozen=True)
class Section:
    """The stream records of one network, one for each seed; of their results, those with these terms.

    Attributes:
        records: in the order of seeds.
        alpha: the confidence from which an answer is kept.
        layer: the cost of a layer, lambda.
        mu: the weight of cost beside confidence in a reward.
        apart: keys of the `settings` that set it apart from other sections of this title.
    """

    records: tuple[StreamRecord, ...]
    alpha: float
    layer: float
    mu: float
    apart: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The network, the later parts of the stream, alpha, and the settings that set it apart."""
        first, *others = self.records[0].parts
        then = "".join(f", then {part.setup.task.label}" for part in others)
        own = [f"{first.setup.model_at_density}, {plan_of(first.setup)}{then}, alpha {self.alpha:g}"]
        return ", ".join([*own, *(self.settings[key] for key in self.apart)])

    @cached_property
    def settings(self) -> dict[str, str]:
        """The settings of the replay, in words, in the order in which a title names them."""
        one = self.records[0]
        passes = f"{counted(one.shuffles, 'reshuffling')} of" if one.shuffles else "one pass in order over"
        return {
            "depth": f"depth counted in {_depth(one.costs)}",
            "sending": f"sending costs {_sending(one)}",
            "arms": "arms are cuts, the input's too" if one.arms == "cuts" else "arms are exits",
            "terms": f"λ {self.layer:g}, mu {self.mu:g}",
            "passes": f"{passes} {counted(one.samples, 'sample')}",
            "order": f"order seed {one.order_seed}",
            "policies": f"played by {', '.join(entrant.spec for entrant in one.entrants) or 'nobody'}",
            "runs": f"run {' then '.join(part.digest for part in one.parts)}",
            "question": f"question {one.digest}",
        }

    @property
    def about(self) -> str:
        """The number of seeds and of exits, and the settings of the replay, in a sentence."""
        one = self.records[0]
        keys = ["passes", "order", "depth", "terms"]
        keys += ["arms"] if one.arms == "cuts" else []
        keys += ["sending"] if one.sending or {*one.sends} != {1.0} else []
        seeds = counted(len(self.records), "seed") + ("" if self.ranked else ", unranked")
        words = [seeds, counted(len(one.parts[0].right), "exit"), *(self.settings[key] for key in keys)]
        return "; ".join(words) + "." + (f" {DEGENERATE}" if self.is_degenerate else "")

    @cached_property
    def is_degenerate(self) -> bool:
        """Whether all policies and bounds answer equally many samples rightly, seed by seed, at every cost of sending."""
        counts = [{statistics.fmean(one.right) for one in self._results(record)} for record in self.records]
        return all(
            max(rights) - min(rights) <= ALIKE * record.samples
            for rights, record in zip(counts, self.records, strict=True)
        )

    @property
    def ranked(self) -> bool:
        """Whether there are seeds enough to rank."""
        return len(self.records) >= RANKED_FROM

    @cached_property
    def offloads(self) -> list[float]:
        """Every cost of sending, rising, in lambdas."""
        return sorted({result.offload / self.layer for result in self._results(self.records[0])})

    @property
    def shown(self) -> list[float]:
        """The costs of sending that tables show: the cheapest, the middle one and the dearest."""
        costs = self.offloads
        return sorted({costs[0], costs[len(costs) // 2], costs[-1]})

    @cached_property
    def every(self) -> list[PolicyLine]:
        """Its lines at every cost of sending, the cheapest first."""
        return [line for offload in self.offloads for line in self.lines(offload)]

    def _results(self, record: StreamRecord) -> list[Result]:
        wanted = self.alpha, self.layer, self.mu
        return [one for one in record.results if (one.alpha, one.layer, one.mu) == wanted]

    def lines(self, offload: float) -> list[PolicyLine]:
        """Both baselines, the policies from the least regret up, and the bounds, at one cost of sending."""
        kinds = {one.spec: "bound" if one.bound else "policy" for one in self.records[0].entrants}
        by_policy: dict[str, dict[str, list[float]]] = {}
        for record in self.records:
            here = {one.policy: one for one in self._results(record) if one.offload / self.layer == offload}
            for name, result in here.items():
                numbers = _numbers(record, result, *(here[baseline] for baseline in BASELINES))
                for key, value in numbers.items():
                    by_policy.setdefault(name, {key: [] for key in numbers})[key].append(value)
        lines = [
            PolicyLine(name, kinds.get(name, "baseline"), offload, None, {key: _mean(values) for key, values in numbers.items()})
            for name, numbers in by_policy.items()
        ]  # fmt: skip
        order = ("baseline", "policy", "bound")
        lines.sort(key=lambda line: (order.index(line.kind), _place(line)))
        ranks = shared(
            line.numbers["regret"].value if self.ranked and line.kind == "policy" else None for line in lines
        )
        return [replace(line, rank=rank) for line, rank in zip(lines, ranks, strict=True)]


def _depth(costs: str | list[float]) -> str:
    """The unit that depth is counted in, in words: exits, a reading, or the costs that were given."""
    if isinstance(costs, str):
        return {"layers": "exits", "measured": "measured MACs"}.get(costs, costs)
    return f"the costs given, {_joined(costs)}"


def _sending(record: StreamRecord) -> str:
    if record.sending is None and len(set(record.sends)) == 1:
        return (
            "the same at every arm"
            if record.sends[0] == 1
            else f"{record.sends[0]:.4g} times as much at every arm"
        )
    return record.sending or f"{_joined(record.sends)} by arm"


def _joined(numbers: Iterable[float]) -> str:
    return ":".join(f"{number:.4g}" for number in numbers)


def _place(line: PolicyLine) -> float:
    return BASELINES.index(line.policy) if line.kind == "baseline" else line.numbers["regret"].value


def _mean(values: list[float]) -> Mean:
    mean = Mean.of(values)
    assert mean is not None
    return mean


def _numbers(record: StreamRecord, result: Result, whole: Result, early: Result) -> dict[str, float]:
    """One seed's means over passes: cost in lambdas; `less` and `lost` against (a) and (b), as shares."""
    n = record.samples

    def accuracy(of: Result) -> float:
        return statistics.fmean(of.right) / n

    def cost(of: Result) -> float:
        return statistics.fmean(of.cost)

    return {
        "cost": cost(result) / result.layer,
        "less (a)": 1 - cost(result) / cost(whole),
        "less (b)": 1 - cost(result) / cost(early),
        "accuracy": accuracy(result),
        "lost (a)": accuracy(whole) - accuracy(result),
        "lost (b)": accuracy(early) - accuracy(result),
        "sent": statistics.fmean(result.sent) / n,
        "regret": statistics.fmean(result.regret),
    }
