"""Claims: what the papers say of online policies, held against every policy of a section."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.boards.streams.section import Line
from bench.records.terms import EARLY_EXIT


class Claim(NamedTuple):
    """How much less than (a) a policy costs, as a share, and how much accuracy it loses at most."""

    paper: str
    words: str
    less: float
    lost: float
    reached: bool
    """whether the bounds themselves are enough"""

    def saves(self, line: Line) -> bool:
        """Whether a policy saves as much, by the mean over seeds."""
        less = line.numbers["less (a)"].value
        return less > self.less or (self.reached and less == self.less)

    def keeps(self, line: Line) -> bool:
        """Whether it loses no more."""
        lost = line.numbers["lost (a)"].value
        return lost < self.lost or (self.reached and lost == self.lost)


CLAIMS = (
    Claim("SplitEE", "more than 50% less cost than (a), less than 2 points lost", 0.5, 0.02, reached=False),
    Claim(
        "I-SplitEE",
        "of distorted images: at least 55% less cost than (a), at most 5 points lost",
        0.55,
        0.05,
        reached=True,
    ),
)
"""Bajpai et al., AIMLSystems 2023 and ICC 2024, from their abstracts."""


def claims(lines: Iterable[Line]) -> list[str]:
    """A sentence for each claim: at which costs of sending which policies, and plain early exit, meet it, or why not.

    Args:
        lines: of a section, in the order of costs.
    """
    judged = [line for line in lines if line.kind == "policy" or line.policy == EARLY_EXIT]
    own = {line.policy: [one for one in judged if one.policy == line.policy] for line in judged}
    return [_sentence(claim, own) for claim in CLAIMS]


def _sentence(claim: Claim, own: dict[str, list[Line]]) -> str:
    found: dict[tuple[int, str], list[str]] = {}
    for name, lines in own.items():
        met = [claim.saves(line) and claim.keeps(line) for line in lines]
        told = name if any(met) else f"{name} ({_best(lines)})"
        found.setdefault((-sum(met), _where(lines, met)), []).append(told)
    groups = [f"{where} by {_listed(names)}" for (_, where), names in sorted(found.items())]
    everybody = [line for lines in own.values() for line in lines]
    return f"{claim.paper}'s claim ({claim.words}) is met {'; '.join(groups)}.{_why(claim, everybody)}"


def _where(lines: Sequence[Line], met: Sequence[bool]) -> str:
    """At which costs of sending a policy meets a claim; its lines are in the order of costs."""
    costs = [f"{line.offload:.4g} λ" for line, yes in zip(lines, met, strict=True) if yes]
    if not costs or (all(met) and len(met) > 1):
        return "at every cost of sending" if costs else "nowhere"
    if all(met[: len(costs)]) and len(met) > 1:
        return f"up to {costs[-1]}"
    return f"at {_listed(costs)}"


def _best(lines: Sequence[Line]) -> str:
    best = max(lines, key=lambda line: line.numbers["less (a)"].value).numbers
    return f"at best {best['less (a)'].value:.1%} less, {best['lost (a)'].value * 100:z.2f} points lost"


def _why(claim: Claim, lines: Sequence[Line]) -> str:
    """What is wrong where a claim is not met."""
    dear = ["too little is saved"] if any(not claim.saves(line) for line in lines) else []
    poor = ["too much accuracy is lost"] if any(not claim.keeps(line) for line in lines) else []
    return f" Where it is not, {' or '.join(dear + poor)}." if dear or poor else ""


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
