"""Deployment record: requests to one trained network over a channel between two profiles, policy by policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bench.plugins.plugin import Count, Share, Whole
from bench.records.checks.deployment import contradictions, disputes
from bench.records.circumstances import Amount, Circumstances, Side, Way, asked_values, identity
from bench.records.compare import SAME, Compared
from bench.records.sealed import Block, Digest, digest, slug
from bench.records.setup import Named
from bench.records.stream import OfRun, StreamPart

if TYPE_CHECKING:
    from bench.records.measured import MeasuredDeployment
    from bench.records.store import Store

SCHEMA = 1
QUANTILES = 101
"""Times to the answer that are kept: the least, every hundredth, the largest."""
BINS = 60
"""Equal stretches of time in which means are kept."""
STEPS = (
    "waiting for the device", "device", "waiting for the link", "sending", "on the way", "waiting for the server", "server",
    "the way back",
)  # fmt: skip
"""The steps of a request, in their order; those after the device's take no time where it answers."""


class DeployedArm(Block):
    """A cut with a codec, as policies know it before the first request."""

    cut: Whole
    codec: str
    """spec; empty at the last cut, where nothing is sent"""
    device: Amount
    """seconds, the encoder's included"""
    server: Amount
    """seconds, the decoder's included"""
    bytes: Amount
    """framed, mean of the known samples"""
    right: Share
    """of the known samples"""

    @property
    def name(self) -> str:
        """The cut and the codec, in words."""
        return f"cut {self.cut}, {self.codec}" if self.codec else "device"


class SplitPlayer(Named):
    """A split policy."""

    bound: bool
    """whether it sees labels or the future, and so is never ranked"""


class Outcome(Block):
    """What one policy came to."""

    policy: str
    """its spec"""
    plays: list[Whole]
    """how many requests each arm was chosen for"""
    exits: list[Whole]
    """how many each exit answered on the device"""
    answered: Whole
    """how many were answered at all"""
    right: Whole
    """how many rightly"""
    own: Whole = 0
    """how many were sent, and answered by the device's own exit at the deadline"""
    late: Whole
    """how many after the deadline, or never"""
    quantiles: Annotated[list[Amount | None], Field(min_length=QUANTILES, max_length=QUANTILES)]
    """of the seconds from request to answer, of all requests; none where there is no answer"""
    steps: Annotated[list[Amount], Field(min_length=len(STEPS), max_length=len(STEPS))]
    """mean seconds of each step, of the requests that were answered"""
    bytes: Whole
    """sent, framed, of all requests"""
    compute: Amount | None
    """joules of the device's computing; none where its power is unknown"""
    radio: Amount
    """joules of the radio while it sent (modelled)"""
    tail: Amount
    """joules of the radio after that (modelled)"""
    timeline: Annotated[list[Amount | None], Field(min_length=BINS, max_length=BINS)]
    """mean seconds to the answer, of the answered requests of each stretch of time; none where there are none"""
    server: Annotated[list[Share | None], Field(min_length=BINS, max_length=BINS)]
    """share of requests that were sent, of each stretch of time"""

    @property
    def sent(self) -> int:
        """How many requests were sent to the server."""
        return sum(self.plays) - sum(self.exits)

    @property
    def mean(self) -> float:
        """Mean seconds to the answer, of the requests that were answered."""
        return sum(self.steps)


class DeploymentRecord(OfRun):
    """Everything about a deployment that boards are computed from.

    It holds no dates and no timings of its own: the same command with the same code writes the same file.
    """

    title: ClassVar[str] = "deployment record"
    remedy: ClassVar[str] = "Deploy it again with --keep, or remove the file."
    folder: ClassVar[str] = "deployments"
    marker: ClassVar[str] = "circumstances"
    maker: ClassVar[str] = "bench.replay.deploy.rerun"
    shown_by: ClassVar[str] = "bench.boards.deployments.show"
    bulky: ClassVar[tuple[str, ...]] = ("arms", "outcomes")

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA)] = SCHEMA
    part: StreamPart
    """the network, and its test split"""
    crossings: Digest
    """of the file of what single samples sent"""
    device: Side
    server: Side
    way: Way
    circumstances: Circumstances
    requests: Count
    arms: Annotated[list[DeployedArm], Field(min_length=1)]
    players: list[SplitPlayer]
    outcomes: list[Outcome]
    versions: dict[str, str]
    commit: str | None
    dirty: bool | None

    @property
    def first_part(self) -> StreamPart:
        return self.part

    @property
    def modelled(self) -> list[str]:
        """What in it was modelled, and not measured, in words."""
        words = [
            f"times of the {name} ({side.source})"
            for name, side in (("device", self.device), ("server", self.server))
            if side.time == "modelled"
        ]
        words += ["power of the device"] if self.device.energy == "modelled" else []
        return words + (["energy of the radio"] if self.way.radio else [])

    @property
    def kin(self) -> str:
        """A digest that records of the same network and request share, whatever their seeds."""
        return digest({"part": self.part.kin, "asked": self.digest})

    def request_digest(self) -> str:
        """The digest of the request, without measured numbers, the order of policies, and origins (but of drafts)."""
        values = asked_values(self.circumstances, self.way, self.device, self.server)
        values["players"] = sorted((identity(one) for one in self.players), key=lambda one: str(one["spec"]))
        return digest(values)

    def path(self, folder: Path) -> Path:
        return place_of(self, folder)

    def contradictions(self) -> Iterator[str]:
        return contradictions(self)

    def disputes(self, store: Store) -> Iterator[str]:
        return disputes(self, store)

    def settings(self) -> dict[str, Any]:
        left_out = {"schema_version", "checksum", "digest", "outcomes", "arms"}
        values = self.model_dump(mode="json", exclude=left_out)
        return values | {"players": {one["spec"]: one for one in values["players"]}}

    def numbers(self) -> dict[str, float]:
        """Each policy's means and percentiles."""
        n = self.requests
        return {
            f"{one.policy}: {key}": float(value)
            for one in self.outcomes
            for key, value in {
                "accuracy": one.right / n,
                "mean seconds": one.mean,
                "50%": one.quantiles[50],
                "95%": one.quantiles[95],
                "99%": one.quantiles[99],
                "late": one.late / n,
                "own": one.own / n,
                "sent": one.sent / n,
                "bytes": one.bytes / n,
                "joules of computing": None if one.compute is None else one.compute / n,
                "joules of the radio": (one.radio + one.tail) / n,
            }.items()
            if value is not None
        }

    def compare(self, again: DeploymentRecord) -> list[Compared]:
        """Every number; both must be the same but for rounding, since no clock gave any in between."""
        own, other = dict(self._every()), dict(again._every())
        return [
            Compared(name, one, two, SAME * max(abs(one or 0), abs(two or 0), 1e-9))
            for name in own | other
            for one, two in ((own.get(name), other.get(name)),)
        ]

    def _every(self) -> Iterator[tuple[str, float]]:
        """Every number by a name of its own."""
        yield "requests", float(self.requests)
        for place, arm in enumerate(self.arms):
            yield from (
                (f"arm {place}: {key}", float(getattr(arm, key)))
                for key in ("device", "server", "bytes", "right")
            )
        for one in self.outcomes:
            for key in Outcome.model_fields:
                value = getattr(one, key)
                if isinstance(value, (int, float)):
                    yield f"{one.policy}: {key}", float(value)
                elif isinstance(value, list):
                    yield from (
                        (f"{one.policy}: {key}, {place}", float(number))
                        for place, number in enumerate(value)
                        if number is not None
                    )

    def arrays(self, key: Literal["quantiles", "timeline"]) -> dict[str, np.ndarray]:
        """A list of each outcome, by policy, NaN where it has no number."""
        return {
            one.policy: np.array([np.nan if value is None else value for value in getattr(one, key)])
            for one in self.outcomes
        }


def place_of(file: DeploymentRecord | MeasuredDeployment, folder: Path) -> Path:
    """Where a file on a deployment belongs below the folder of its kind."""
    model = f"{slug(file.setup.backbone.name)}_{slug(file.setup.method.name)}-{file.part.digest}"
    return folder / file.board / model / f"seed{file.seed}-{file.digest}.json"
