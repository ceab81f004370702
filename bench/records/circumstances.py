"""Circumstances: what a deployment is asked for, as its record holds it: requests, the channel, and a profile on either side."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from bench.plugins.plugin import Count, Positive, Share, Whole
from bench.records.profile import Estimates, Origin, PartTimes
from bench.records.sealed import MAX_SEED, Block, Digest
from bench.records.setup import Named

MOST_MOMENTS = 200_000
"""The most recorded moments of requests that a record holds."""
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


def identity(plugin: Named) -> dict[str, Any]:
    """The values that identify a plugin in a request."""
    values = plugin.model_dump(mode="json")
    return (
        values if values["origin"].startswith("draft") else {k: v for k, v in values.items() if k != "origin"}
    )
