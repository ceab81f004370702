"""Measured deployment: requests that a device, a link and a server really answered, beside what replay computes for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from bench.plugins.plugin import Count, Whole
from bench.records.answers import HALVES, WORDS, Answers, Totals
from bench.records.checks.measured import contradictions, disputes
from bench.records.circumstances import Amount, Circumstances, Side, Way, asked_values, identity
from bench.records.compare import EXACT, SAME, Compared, Rule
from bench.records.deployment import DeployedArm, place_of
from bench.records.sealed import Digest, Values, digest
from bench.records.setup import Named
from bench.records.stream import OfRun, StreamPart

if TYPE_CHECKING:
    from bench.records.store import Store

SCHEMA = 1
LOUD = 0.1
"""Cores that other programs may take, on the mean, before what was measured meanwhile counts as disturbed."""
NOT_REPEATED = Rule(
    "what was measured",
    "not compared",
    "A clock and real processes gave it; no other time gives it bit by bit.",
)


class MeasuredDeployment(OfRun):
    """Everything about requests that were really answered: never computed, never ranked beside what is modelled."""

    title: ClassVar[str] = "measured deployment"
    remedy: ClassVar[str] = "Measure it again (seesaw deploy --real --keep), or remove the file."
    folder: ClassVar[str] = "measured"
    marker: ClassVar[str] = "measured"
    maker: ClassVar[str] = "bench.replay.deploy.predict"
    shown_by: ClassVar[str] = "bench.boards.measured.show"
    bulky: ClassVar[tuple[str, ...]] = ("measured", "predicted", "due", "samples", "part")
    unrepeatable: ClassVar[str] = (
        "A measured deployment cannot be repeated bit by bit: its measured half stays as it is, and its predicted half is computed again."
    )

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA)] = SCHEMA
    part: StreamPart
    """the network, and its test split"""
    crossings: Digest
    """of the file of what single samples sent"""
    device: Side
    """the profile by which the device's times are predicted"""
    server: Side
    """the profile by which the server's are"""
    way: Way
    """the channel"""
    laid: Literal["proxy", "netem"]
    """how it was laid between the processes: by `seesaw link`, or by the kernel"""
    asked: Circumstances
    """what was asked for, beside channel, profiles and policy"""
    policy: Named
    """the split policy, a fixed one"""
    arm: DeployedArm
    """the cut and the codec that it takes"""
    added: tuple[Whole, Whole]
    """bytes that the prediction adds to a message, and to an answer: what gRPC puts around them"""
    requests: Count
    due: list[Amount]
    """the moments of the requests, seconds from the beginning of the channel's table"""
    samples: list[Whole]
    """their places in the test split"""
    predicted: Answers
    measured: Answers
    totals: dict[Literal["predicted", "measured"], Totals]
    machine: Values
    """of all three processes"""
    others: Amount | None
    """cores that other programs took meanwhile, on the mean; none where the system does not tell"""
    versions: dict[str, str]
    commit: str | None
    dirty: bool | None
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def first_part(self) -> StreamPart:
        return self.part

    @property
    def disturbed(self) -> bool:
        """Whether other programs had the processor meanwhile, or nobody can tell."""
        return self.others is None or self.others > LOUD

    @property
    def as_predicted(self) -> float:
        """The share of requests whose answer is right, or wrong, as predicted."""
        pairs = zip(self.predicted.right, self.measured.right, strict=True)
        return sum(one == other for one, other in pairs) / self.requests

    def percentile(self, percent: int) -> tuple[float | None, float | None]:
        """A percentile of the seconds to the answer, predicted and measured."""
        return self.totals["predicted"].quantiles[percent], self.totals["measured"].quantiles[percent]

    def request_digest(self) -> str:
        """The digest of the request, without measured numbers."""
        values = asked_values(self.asked, self.way, self.device, self.server)
        return digest(values | {"policy": identity(self.policy), "laid": self.laid})

    def path(self, folder: Path) -> Path:
        return place_of(self, folder)

    def contradictions(self) -> Iterator[str]:
        return contradictions(self)

    def disputes(self, store: Store) -> Iterator[str]:
        return disputes(self, store)

    def settings(self) -> dict[str, Any]:
        left_out = {
            "schema_version",
            "checksum",
            "digest",
            "due",
            "samples",
            "predicted",
            "measured",
            "totals",
            "arm",
            "others",
        }
        return self.model_dump(mode="json", exclude=left_out)

    def numbers(self) -> dict[str, float]:
        """Shares and percentiles, predicted and measured, and what other programs took."""
        values: dict[str, float | None] = {
            "cores that other programs took": self.others,
            "as predicted": self.as_predicted,
        }
        for half in HALVES:
            one = self.totals[half]
            own = {
                "accuracy": one.right / self.requests, "mean seconds": one.mean, "seconds on the device": one.device,
                "seconds at the server": one.server, "bytes": one.bytes / self.requests,
            }  # fmt: skip
            own |= {f"{percent}%": one.quantiles[percent] for percent in (50, 95, 99)}
            own |= {f"answered by {name}": count / self.requests for name, count in one.places.items()}
            values |= {f"{half}: {key}": value for key, value in own.items()}
        return {key: float(value) for key, value in values.items() if value is not None}

    def compare(self, again: MeasuredDeployment) -> list[Compared]:
        """Every number beside that of the record made again: requests and predictions must be the same but for rounding."""
        own, other = dict(self._every()), dict(again._every())
        rows = []
        for name in own | other:
            one, two = own.get(name), other.get(name)
            if name.startswith("measured"):
                rows.append(Compared(name, one, None, None, NOT_REPEATED))
            else:
                allowed = SAME * max(abs(one or 0), abs(two or 0), 1e-2)
                rows.append(Compared(name, one, two, allowed, EXACT))
        return rows

    def _every(self) -> Iterator[tuple[str, float]]:
        """Every number by a name of its own."""
        yield "requests", float(self.requests)
        yield from (
            (f"arm: {key}", float(getattr(self.arm, key))) for key in ("device", "server", "bytes", "right")
        )
        halves: Mapping[str, Answers] = {"predicted": self.predicted, "measured": self.measured}
        for place, (due, sample) in enumerate(zip(self.due, self.samples, strict=True)):
            yield f"request {place}: due", due
            yield f"request {place}: sample", float(sample)
        for half, answers in halves.items():
            for key in ("seconds", "exits", "device", "server", "bytes"):
                values = getattr(answers, key)
                yield from (
                    (f"{half}, request {place}: {key}", float(one))
                    for place, one in enumerate(values)
                    if one is not None
                )
            for place, (letter, digit) in enumerate(zip(answers.places, answers.right, strict=True)):
                yield f"{half}, request {place}: place", float(list(WORDS).index(letter))
                yield f"{half}, request {place}: right", float(digit)
