"""Answers: what became of the requests of a real deployment, one by one and together, as predicted and as measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from bench.plugins.plugin import Whole
from bench.records.circumstances import Amount
from bench.records.deployment import QUANTILES
from bench.records.sealed import Block

EXIT, SERVER, FALLBACK, NEVER = "esf-"
"""Where a request was answered: by an exit of the device; by the server; by the device's own exit, since the server did not
answer in time; nowhere."""
WORDS = {EXIT: "exit", SERVER: "server", FALLBACK: "fallback", NEVER: "never"}
HALVES: tuple[Literal["predicted", "measured"], ...] = ("predicted", "measured")


class Answers(Block):
    """What became of each request, in the order of the requests: as it was predicted, or as it was measured."""

    seconds: list[Amount | None]
    """from the moment at which it was due to its answer; none where none came"""
    places: Annotated[str, Field(pattern=r"^[esf-]+$")]
    """a letter each: where it was answered"""
    exits: list[Annotated[int, Field(ge=-1)]]
    """the exit of the device that answered; -1 for none"""
    right: Annotated[str, Field(pattern=r"^[01]+$")]
    """a digit each: whether the answer is right; 0 where none came"""
    device: list[Amount]
    """of the seconds, computing and encoding on the device"""
    server: list[Amount]
    """of the seconds, waiting and computing at the server; 0 where it did not answer"""
    bytes: list[Whole]
    """of the message in its frames, without what gRPC adds; 0 where none was sent"""

    def share(self, place: str) -> float:
        """The share of requests that were answered at a place."""
        return self.places.count(place) / len(self.places)


class Totals(Block):
    """What the answers come to together."""

    places: dict[Literal["exit", "server", "fallback", "never"], Whole]
    """how many were answered where"""
    right: Whole
    """how many rightly"""
    bytes: Whole
    """sent"""
    mean: Amount | None
    """seconds to the answer, of those that were answered; none where there is none"""
    device: Amount
    """mean seconds on the device, of all"""
    server: Amount
    """mean seconds at the server, of all"""
    quantiles: Annotated[list[Amount | None], Field(min_length=QUANTILES, max_length=QUANTILES)]
    """percentiles of the seconds to the answer, from 0 to 100: the smallest that so many reach; none where that is never"""

    @classmethod
    def of(cls, answers: Answers) -> Totals:
        """The totals of some answers; there must be one at least."""
        taken = [one for one in answers.seconds if one is not None]
        n = len(answers.seconds)
        return cls(
            places={WORDS[one]: answers.places.count(one) for one in WORDS},  # pyright: ignore[reportArgumentType]
            right=answers.right.count("1"),
            bytes=sum(answers.bytes),
            mean=rounded(sum(taken) / len(taken)) if taken else None,
            device=rounded(sum(answers.device) / n),
            server=rounded(sum(answers.server) / n),
            quantiles=percentiles(answers.seconds),
        )


def percentiles(seconds: Sequence[float | None]) -> list[float | None]:
    """The percentiles from 0 to 100 of times: the smallest that so many reach; None where so many never do."""
    in_order = sorted(math.inf if one is None else one for one in seconds)
    n = len(in_order)
    found = [in_order[max(-(-n * percent // 100) - 1, 0)] for percent in range(QUANTILES)]
    return [one if math.isfinite(one) else None for one in found]


def rounded(value: float) -> float:
    """A number of seconds with nine digits behind its point, as such records hold them."""
    return round(value, 9)
