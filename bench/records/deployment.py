"""Deployment record: requests to one trained network over a channel between two profiles, policy by policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bench.plugins.plugin import Count, Positive, Share, Whole
from bench.records.checks.deployment import contradictions, disputes
from bench.records.compare import SAME, Compared
from bench.records.profile import Estimates, Origin, PartTimes
from bench.records.sealed import MAX_SEED, Block, Digest, digest, slug
from bench.records.setup import Named
from bench.records.stream import OfRun, StreamPart

if TYPE_CHECKING:
    from bench.records.measured import MeasuredDeployment
    from bench.records.store import Store

SCHEMA = 1
QUANTILES = 101
"""Times to the answer that are kept: the least, every hundredth, the largest."""
MOST_MOMENTS = 200_000
"""The most recorded moments of requests that a record holds."""
BINS = 60
"""Equal stretches of time in which means are kept."""
STEPS = (
    "waiting for the device", "device", "waiting for the link", "sending", "on the way", "waiting for the server", "server",
    "the way back",
)  # fmt: skip
"""The steps of a request, in their order; those after the device's take no time where it answers."""
Amount = Annotated[float, Field(ge=0)]
OPEN = {"fallback": False}
"""Circumstances that came later, and what they were before."""


class Side(Block):
    """One profile as it was used: of the device, or of the server."""

    profile: Named
    time: Origin
    energy: Origin | Literal["unknown"]
    watts: Positive | None
    source: str
    disturbed: bool
    """whether other programs had the processor while a part was timed, so that nothing is ranked by it"""
    device: list[Amount]
    """seconds from the input to each cut"""
    server: list[Amount]
    """seconds from each cut to the last answer"""
    exits: list[Amount]
    """seconds from the input to each exit's answer, heads before it not included"""
    heads: list[Amount]
    """seconds of each head on the way to somewhere else"""
    encoders: list[tuple[Whole, str, Amount]]
    """cut, codec and seconds of each that was timed"""
    decoders: list[tuple[Whole, str, Amount]]
    batches: list[tuple[Annotated[int, Field(ge=2)], list[Amount]]] = Field(default_factory=list)
    """batch size, and seconds from each cut to the last answer for the whole batch, rising; empty where the server takes one by one"""
    by_layer: bool = False
    """whether the seconds that policies decide by are sums of what regressions for each kind of layer predict"""
    estimates: Estimates | None = None
    """what policies decide by in place of `device` and `server`; none where they decide by these"""

    @classmethod
    def of(cls, profile: Named, times: PartTimes, largest: int = 1) -> Side:
        """The side that a profile's numbers make; of batches it keeps the sizes that batches of up to `largest` need."""
        sizes = [size for size in sorted(times.batches) if size < largest]
        sizes += [size for size in sorted(times.batches) if size >= largest][: 1 if largest > 1 else 0]
        return cls(
            profile=profile, time=times.time, energy=times.energy, watts=times.watts, source=times.source,
            disturbed=times.disturbed or not times.disturbed_batches.isdisjoint(sizes),
            device=list(times.device), server=list(times.server), exits=list(times.exits), heads=list(times.heads),
            encoders=[(*key, one) for key, one in times.encoders.items()],
            decoders=[(*key, one) for key, one in times.decoders.items()],
            batches=[(size, list(times.batches[size])) for size in sizes], by_layer=times.by_layer, estimates=times.estimates,
        )  # fmt: skip

    def times(self) -> PartTimes:
        """The profile's numbers."""
        return PartTimes(
            device=tuple(self.device), server=tuple(self.server), exits=tuple(self.exits),
            heads=tuple(self.heads), time=self.time, source=self.source,
            encoders={(cut, codec): seconds for cut, codec, seconds in self.encoders},
            decoders={(cut, codec): seconds for cut, codec, seconds in self.decoders}, watts=self.watts, energy=self.energy,
            disturbed=self.disturbed, batches={size: tuple(seconds) for size, seconds in self.batches}, by_layer=self.by_layer,
            estimates=self.estimates,
        )  # fmt: skip


class ServerBatches(Block):
    """How the server computes requests of several devices together."""

    largest: Annotated[int, Field(ge=2, le=4096)]
    """requests in a batch, at most"""
    wait: Amount
    """seconds for which a batch's first request waits for others, at most"""


class Circumstances(Block):
    """Everything about requests, radio and server that is neither channel nor profile."""

    arrivals: Literal["poisson", "regular", "recorded"]
    rate: Positive
    """requests a second"""
    seconds: Positive
    """for which they come"""
    order_seed: Annotated[int, Field(ge=0, le=MAX_SEED)]
    """of moments, samples and luck, and of the channel"""
    devices: Count
    """that share the server"""
    reply: Count
    """bytes of an answer"""
    report: Amount
    """seconds between the modem's reports of the link's rate; 0 for none"""
    battery: Amount
    """joules; 0 for one without end"""
    deadline: Positive | None
    """seconds in which an answer is of use; none: always"""
    fallback: bool = False
    """whether the device answers by its own exit where the server's answer is not there at the deadline"""
    moments: Annotated[list[Amount], Field(max_length=MOST_MOMENTS)] = Field(default_factory=list)
    """of the requests, where they were recorded, in seconds"""
    batching: ServerBatches | None = None
    """of the server; none: it takes one request after the other"""
    load: Positive | None = None
    """requests a second that further devices send from cut 0, at random"""
    load_moments: Annotated[list[Amount], Field(max_length=MOST_MOMENTS)] = Field(default_factory=list)
    """at which theirs arrive at the server, where they were recorded, in seconds"""


class Way(Block):
    """The channel as it was used."""

    channel: Named
    table: Digest
    """of its table, over the time of the deployment"""
    pieces: Count
    up: Amount
    """mean rate, bytes/s"""
    down: Amount
    delay: Amount
    """mean one way, seconds"""
    loss: Share
    """mean share of packets"""
    radio: bool
    """whether sending costs energy; always modelled"""


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


def asked_values(circumstances: Circumstances, way: Way, device: Side, server: Side) -> dict[str, Any]:
    """The values that identify what is asked of a deployment, its policies aside: channel, profiles, requests."""
    values = circumstances.model_dump(mode="json")
    # what was open before it could be asked for does not count
    asked: dict[str, Any] = {
        "circumstances": {key: one for key, one in values.items() if key not in OPEN or one != OPEN[key]}
    }
    named = {"channel": way.channel, "device": device.profile, "server": server.profile}
    asked |= {key: identity(one) for key, one in named.items()}
    # a file's name does not tell whose times are in it
    return asked | {"sources": [device.source, server.source]}


def place_of(file: DeploymentRecord | MeasuredDeployment, folder: Path) -> Path:
    """Where a file on a deployment belongs below the folder of its kind."""
    model = f"{slug(file.setup.backbone.name)}_{slug(file.setup.method.name)}-{file.part.digest}"
    return folder / file.board / model / f"seed{file.seed}-{file.digest}.json"


def identity(plugin: Named) -> dict[str, Any]:
    """The values that identify a plugin in a request."""
    values = plugin.model_dump(mode="json")
    return (
        values if values["origin"].startswith("draft") else {k: v for k, v in values.items() if k != "origin"}
    )
