"""Section: one network's deployment records of one request, and a line for each split policy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from bench.boards.rows import RANKED_FROM, shared
from bench.boards.units import big, in_bytes, seconds
from bench.errors import counted
from bench.records.checks.deployment import ALWAYS_DEVICE
from bench.records.circumstances import Side
from bench.records.deployment import STEPS, DeploymentRecord, Outcome
from bench.records.mean import Mean
from bench.records.setup import plan_of

LOST = 0.01
"""Share of right answers that a ranked policy may lose against the whole network on the device."""


@dataclass(frozen=True)
class PolicyLine:
    """One split policy: means over seeds.

    Attributes:
        policy: its spec.
        bound: whether it sees labels or the future.
        rank: by mean time to the answer, of the policies that keep the answers; None for others, and below three seeds.
        numbers: by name, as `_numbers` gives them; one is missing where a seed has none.
        shares: of requests, by the arm that was chosen for them, and by the exit that answered on the device.
        steps: mean seconds of each step, by its name.
    """

    policy: str
    bound: bool
    rank: int | None
    numbers: dict[str, Mean]
    shares: dict[str, float]
    steps: dict[str, float]


@dataclass(frozen=True)
class Section:
    """The deployment records of one network over one channel between two profiles, one for each seed.

    All its policies met the same link and the same profiles, so nothing modelled is ranked beside something measured.

    Attributes:
        records: in the order of seeds.
        apart: whether another section has this title, so that the request's digest must tell them apart.
    """

    records: tuple[DeploymentRecord, ...]
    apart: bool = False

    @property
    def title(self) -> str:
        """The network, the link, the two profiles; and what tells it from another section."""
        one = self.records[0]
        sides = f"{_short(one.device.profile.label)} to {_short(one.server.profile.label)}"
        words = [f"{one.setup.model_at_density}, {plan_of(one.setup)}", _short(one.way.channel.label), sides]
        return ", ".join(words + ([f"request {one.digest}"] if self.apart else []))

    @property
    def about(self) -> str:
        """The circumstances in sentences, and what was modelled."""
        one = self.records[0]
        c, way = one.circumstances, one.way
        seeds = counted(len(self.records), "seed") + ("" if self.ranked else ", unranked")
        link = f"{big(8 * way.up)}bit/s up and {big(8 * way.down)}bit/s down on the mean, {seconds(way.delay)} one way"
        words = [
            seeds,
            f"{counted(one.requests, 'request')}, {c.arrivals}, {c.rate:g} a second for {c.seconds:g} s",
            link + (f", {way.loss:.2%} of packets lost" if way.loss else ""),
            f"an answer takes {in_bytes(c.reply)}",
        ]
        words += [f"{counted(c.devices, 'device')} share the server"] if c.devices > 1 else []
        if c.load is not None or c.load_moments:
            amount = (
                f"{c.load:g} a second"
                if c.load is not None
                else f"{counted(len(c.load_moments), 'request')} at recorded moments"
            )
            words += [f"further devices send {amount}"]
        if c.batching is not None:
            words += [
                f"the server computes up to {c.batching.largest} together, and waits {seconds(c.batching.wait)} for them"
            ]
        words += [f"late after {seconds(c.deadline)}"] if c.deadline else []
        words += ["the device then answers by its own exit"] if c.fallback else []
        modelled = f" Modelled: {'; '.join(one.modelled)}." if one.modelled else " All times are measured."
        disturbed = " Some were disturbed by other programs." if self.disturbed else ""
        estimated = "".join(
            _estimated(name, side)
            for name, side in (("device", one.device), ("server", one.server))
            if side.estimates is not None
        )
        return "; ".join(words) + "." + modelled + disturbed + estimated

    @property
    def ranked(self) -> bool:
        """Whether there are seeds enough to rank, and no times that other programs disturbed."""
        return len(self.records) >= RANKED_FROM and not self.disturbed

    @property
    def disturbed(self) -> bool:
        """Whether other programs had a processor while one of its profiles was measured."""
        return any(side.disturbed for one in self.records for side in (one.device, one.server))

    @cached_property
    def lines(self) -> list[PolicyLine]:
        """The policies from the fastest down, and the bounds behind them."""
        bounds = {one.spec: one.bound for one in self.records[0].players}
        lines = [self._line(spec, bound) for spec, bound in bounds.items()]
        whole = next((line.numbers["accuracy"].value for line in lines if line.policy == ALWAYS_DEVICE), 0.0)
        lines.sort(key=lambda line: (line.bound, self._place(line)))
        ranks = shared(
            self._place(line)
            if self.ranked
            and not line.bound
            and line.numbers["accuracy"].value >= whole - LOST
            and math.isfinite(self._place(line))
            else None
            for line in lines
        )
        return [replace(line, rank=rank) for line, rank in zip(lines, ranks, strict=True)]

    @staticmethod
    def _place(line: PolicyLine) -> float:
        """The mean time to the answer, by which lines are ordered; infinite where some request never gets one."""
        return line.numbers["mean"].value if "mean" in line.numbers else math.inf

    def _line(self, spec: str, bound: bool) -> PolicyLine:
        outcomes = [next(one for one in record.outcomes if one.policy == spec) for record in self.records]
        each = [_numbers(record, outcome) for record, outcome in zip(self.records, outcomes, strict=True)]
        means = {
            key: mean for key in each[0] if (mean := _mean([numbers[key] for numbers in each])) is not None
        }
        shares = [_shares(record, outcome) for record, outcome in zip(self.records, outcomes, strict=True)]
        steps = {
            name: sum(outcome.steps[place] for outcome in outcomes) / len(outcomes)
            for place, name in enumerate(STEPS)
        }
        names = dict.fromkeys(name for one in shares for name in one)
        return PolicyLine(
            spec,
            bound,
            None,
            means,
            {name: sum(one.get(name, 0.0) for one in shares) / len(shares) for name in names},
            steps,
        )


def _estimated(name: str, side: Side) -> str:
    """How far the seconds are off that policies decide by, in a sentence."""
    estimates = side.estimates
    if estimates is None:
        return ""
    pairs = [
        *zip(estimates.device[1:], side.device[1:], strict=True),
        *zip(estimates.server[:-1], side.server[:-1], strict=True),
    ]
    off = sorted(abs(guess / taken - 1) for guess, taken in pairs if taken > 0)
    whole = f"{seconds(estimates.device[-1])} for the whole network, which takes {seconds(side.device[-1])}"
    parts = (
        f"; its parts are off by {off[len(off) // 2]:.0%} in the median, {off[-1]:.0%} at most" if off else ""
    )
    return f" Policies decide by predictions of the {name}: {whole}{parts}."


def _short(spec: str) -> str:
    """A spec with the names of files and not their folders."""
    return re.sub(r"(file=\"?)[^,\]\"]*/", r"\1", spec)


def _mean(values: Iterable[float | None]) -> Mean | None:
    """The mean over seeds; None where one of them has no number."""
    numbers = list(values)
    return None if None in numbers else Mean.of(one for one in numbers if one is not None)


def _numbers(record: DeploymentRecord, outcome: Outcome) -> dict[str, float | None]:
    """One seed's numbers: shares of requests, seconds, bytes and joules of a request."""
    n = record.requests
    return {
        "accuracy": outcome.right / n,
        "answered": outcome.answered / n,
        "mean": outcome.mean if outcome.answered == n else None,
        "50%": outcome.quantiles[50],
        "95%": outcome.quantiles[95],
        "99%": outcome.quantiles[99],
        "late": outcome.late / n,
        "own": outcome.own / n,
        "sent": outcome.sent / n,
        "bytes": outcome.bytes / n,
        "compute": None if outcome.compute is None else outcome.compute / n,
        "radio": (outcome.radio + outcome.tail) / n if record.way.radio else None,
    }


def _shares(record: DeploymentRecord, outcome: Outcome) -> dict[str, float]:
    """Shares of requests by arm, and by exit on the device."""
    n = record.requests
    arms = {
        f"chosen: {arm.name}": plays / n
        for arm, plays in zip(record.arms, outcome.plays, strict=True)
        if plays
    }
    exits = {f"answered by exit {number}": count / n for number, count in enumerate(outcome.exits) if count}
    own = {"answered by an exit at the deadline": outcome.own / n} if outcome.own else {}
    server = outcome.sent - outcome.own
    return arms | exits | own | ({"answered by the server": server / n} if server else {})
