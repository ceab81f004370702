"""Claims of the papers on online policies, compared with every policy of a section."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.boards.streams.section import PolicyLine
from bench.records.terms import EARLY_EXIT


class Claim(NamedTuple):
    """A paper's claim of how much less than (a) its policy costs, and how much accuracy it loses at most."""

    paper: str
    words: str
    """the claim as a phrase"""
    less: float
    """the least saving of cost, as a share"""
    lost: float
    """the largest loss of accuracy, as a share"""
    inclusive: bool
    """whether a policy that just reaches both bounds meets the claim"""

    def saves(self, line: PolicyLine) -> bool:
        """Whether a policy saves as much, by the mean over seeds."""
        less = line.numbers["less (a)"].value
        return less > self.less or (self.inclusive and less == self.less)

    def keeps(self, line: PolicyLine) -> bool:
        """Whether it loses as little accuracy, by the mean over seeds."""
        lost = line.numbers["lost (a)"].value
        return lost < self.lost or (self.inclusive and lost == self.lost)


CLAIMS = (
    Claim("SplitEE", "more than 50% less cost than (a), less than 2 points lost", 0.5, 0.02, inclusive=False),
    Claim(
        "I-SplitEE",
        "of distorted images: at least 55% less cost than (a), at most 5 points lost",
        0.55,
        0.05,
        inclusive=True,
    ),
)
"""Bajpai et al., AIMLSystems 2023 and ICC 2024, from their abstracts."""


def claims(lines: Iterable[PolicyLine]) -> list[str]:
    """A sentence for each claim: which policies, plain early exit too, meet it at which costs of sending.

    Args:
        lines: of a section, in the order of costs.
    """
    compared = [line for line in lines if line.kind == "policy" or line.policy == EARLY_EXIT]
    own = {line.policy: [one for one in compared if one.policy == line.policy] for line in compared}
    return [_sentence(claim, own) for claim in CLAIMS]


def _sentence(claim: Claim, own: dict[str, list[PolicyLine]]) -> str:
    names_by_place: dict[tuple[int, str], list[str]] = {}
    for name, lines in own.items():
        met = [claim.saves(line) and claim.keeps(line) for line in lines]
        words = name if any(met) else f"{name} ({_best(lines)})"
        names_by_place.setdefault((-sum(met), _where(lines, met)), []).append(words)
    groups = [f"{where} by {_listed(names)}" for (_, where), names in sorted(names_by_place.items())]
    everybody = [line for lines in own.values() for line in lines]
    return f"{claim.paper}'s claim ({claim.words}) is met {'; '.join(groups)}.{_why(claim, everybody)}"


def _where(lines: Sequence[PolicyLine], met: Sequence[bool]) -> str:
    """The costs of sending at which a policy meets a claim, in words; its lines are in the order of costs."""
    costs = [f"{line.offload:.4g} λ" for line, yes in zip(lines, met, strict=True) if yes]
    if not costs or (all(met) and len(met) > 1):
        return "at every cost of sending" if costs else "nowhere"
    if all(met[: len(costs)]) and len(met) > 1:
        return f"up to {costs[-1]}"
    return f"at {_listed(costs)}"


def _best(lines: Sequence[PolicyLine]) -> str:
    best = max(lines, key=lambda line: line.numbers["less (a)"].value).numbers
    return f"at best {best['less (a)'].value:.1%} less, {best['lost (a)'].value * 100:z.2f} points lost"


def _why(claim: Claim, lines: Sequence[PolicyLine]) -> str:
    """The reasons why some lines do not meet a claim, as a sentence; empty where all meet it."""
    dear = ["too little is saved"] if any(not claim.saves(line) for line in lines) else []
    poor = ["too much accuracy is lost"] if any(not claim.keeps(line) for line in lines) else []
    return f" Where it is not, {' or '.join(dear + poor)}." if dear or poor else ""


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
