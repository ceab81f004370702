"""Placement: a tier for each operation of a graph, and what a sample costs by it: computing, sending, on each tier and link.

A sample passes the tiers one after the other, from the device on; operations of a tier run one after the other. So its
seconds are those of all operations on their tiers, of all tensors on each link that they cross (once, however many read
them), and a trip there and back for each link that is used at all. Early exits weigh what lies behind them by the share of
samples that come there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.errors import SeesawError
from bench.kinds.channel import Conditions
from bench.kinds.tiles import tile_cost
from bench.records.graph import Graph

REPLY = 64
"""Bytes of an answer on its way back, framed."""


@dataclass(frozen=True)
class LinkState:
    """A link at one moment.

    Attributes:
        up: bytes/s away from the device; 0 where nothing passes.
        down: bytes/s towards it.
        delay: seconds one way.

    Raises:
        SeesawError: a number is negative, infinite or none.
    """

    up: float
    down: float
    delay: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(one) and one >= 0 for one in (self.up, self.down, self.delay)):
            raise SeesawError(f"A link has rates and a delay from 0, not {self}. Give other numbers.")

    @classmethod
    def of(cls, conditions: Conditions, seconds: float = 0.0) -> LinkState:
        """A channel's state at a time; packets that are lost are sent again, at the cost of their share of the rate."""
        piece = int(conditions.piece(seconds))
        kept = 1.0 - float(conditions.loss[piece])
        return cls(
            float(conditions.up[piece]) * kept,
            float(conditions.down[piece]) * kept,
            float(conditions.delay[piece]),
        )

    def seconds(self, size: float) -> float:
        """The time in which so many bytes leave; infinite where nothing passes."""
        return size / self.up if self.up else math.inf

    @property
    def trip(self) -> float:
        """Both delays, and the answer's bytes on the way back."""
        return 2 * self.delay + (REPLY / self.down if self.down else math.inf)


@dataclass(frozen=True, eq=False)
class Site:
    """The machines that a graph is placed on.

    Attributes:
        names: of the tiers, the device first.
        seconds: of each operation on each tier, float64 (tiers, operations).
        links: between neighbours, one fewer than tiers; what goes on two tiers further passes both.
        beside: between the machines of one tier that share rows of its work; none where it has one machine.

    Raises:
        SeesawError: numbers do not fit each other, or are negative, infinite or none.
    """

    names: tuple[str, ...]
    seconds: np.ndarray
    links: tuple[LinkState, ...]
    beside: LinkState | None = None

    def __post_init__(self) -> None:
        seconds = np.asarray(self.seconds, np.float64)
        if seconds.ndim != 2 or len(seconds) != len(self.names) or len(self.links) != len(self.names) - 1:
            raise SeesawError(
                f"A site of {len(self.names)} tiers has seconds {seconds.shape} and {len(self.links)} links. Give a row of seconds for "
                "each tier, and a link between neighbours."
            )
        if len(self.names) < 2 or not (np.isfinite(seconds).all() and (seconds >= 0).all()):
            raise SeesawError("A site has two tiers or more, and seconds from 0. Give others.")
        object.__setattr__(self, "seconds", seconds)

    def check(self, graph: Graph) -> Site:
        """Itself, where it is of this graph.

        Raises:
            SeesawError: it has times of another number of operations.
        """
        if self.seconds.shape[1] != len(graph.operations):
            raise SeesawError(
                f"The times are of {self.seconds.shape[1]} operations, and the graph has {len(graph.operations)}. Profile this "
                "network: seesaw profile --graph."
            )
        return self


@dataclass(frozen=True)
class Shared:
    """Operations of one tier whose rows are dealt to several of its machines: each computes the rows that its own need.

    Attributes:
        first: number of the first operation; the one before it is a border of the graph.
        last: number of the last one, a border itself.
        machines: how many share the rows.
    """

    first: int
    last: int
    machines: int


@dataclass(frozen=True)
class Placement:
    """Where a graph's operations run.

    Attributes:
        tiers: of each operation, from 0.
        shared: rows dealt to machines of a tier, in the order of the graph.
        asked: the exits that are asked, by their numbers in the graph; all where left open.
    """

    tiers: tuple[int, ...]
    shared: tuple[Shared, ...] = ()
    asked: tuple[int, ...] | None = None

    def sent(self, graph: Graph, link: int) -> list[int]:
        """The numbers of the tensors that cross a link (from tier `link` to the next)."""
        return [
            number
            for number, edge in enumerate(graph.edges)
            if self.tiers[edge.source] <= link and any(self.tiers[user] > link for user in edge.users)
        ]


@dataclass(frozen=True)
class Cost:
    """The expected costs of one sample.

    Attributes:
        computing: seconds on each tier, exchange between its machines included.
        sending: seconds on each link, without the trip.
        trips: seconds of both delays and the answer's way back, for each link.
        bytes: sent over each link.
        tensors: how many cross each link.
        exchanged: bytes between the machines of a tier that share rows: of each exchange, those of the busiest machine.
    """

    computing: tuple[float, ...]
    sending: tuple[float, ...]
    trips: tuple[float, ...]
    bytes: tuple[float, ...]
    tensors: tuple[int, ...]
    exchanged: float = 0.0

    @property
    def seconds(self) -> float:
        """From the input to the answer on the device."""
        return sum(self.computing) + sum(self.sending) + sum(self.trips)


def reach(graph: Graph, asked: Iterable[int] | None = None) -> np.ndarray:
    """The share of samples that come to each operation, float64 (operations,): those that left at no exit before it.

    Args:
        graph: with its exits.
        asked: the numbers of the exits that are asked; all where left open.
    """
    found = np.ones(len(graph.operations))
    for number in range(len(graph.exits)) if asked is None else asked:
        found[graph.exits[number].behind + 1 :] *= 1.0 - graph.exits[number].share
    return found


def head_seconds(graph: Graph, site: Site) -> np.ndarray:
    """Seconds of the exits' heads on each tier, float64 (tiers, exits): their MACs at the tier's rate for the whole network."""
    macs = sum(one.macs for one in graph.operations)
    own = np.array([one.macs for one in graph.exits], np.float64)
    return site.seconds.sum(1, keepdims=True) * own / macs if macs else np.zeros((len(site.names), len(own)))


def cost(graph: Graph, site: Site, placement: Placement) -> Cost:
    """What a placement costs.

    Raises:
        SeesawError: it is none: an operation lies before one that it needs, or shared rows are not whole parts of a tier.
    """
    site.check(graph)
    tiers = _held(graph, site, placement)
    share = reach(graph, placement.asked)
    seconds = site.seconds * share
    computing = np.bincount(tiers, seconds[tiers, np.arange(len(tiers))], len(site.names))
    heads = head_seconds(graph, site)
    for number in range(len(graph.exits)) if placement.asked is None else placement.asked:
        at = graph.exits[number].behind
        computing[tiers[at]] += heads[tiers[at], number] * share[at]
    exchanged = 0.0
    for run in _runs(placement.shared):
        tier = int(tiers[run[0].first])
        tiles = tile_cost(graph, site.seconds[tier], [(one.first, one.last, one.machines) for one in run])
        if site.beside is None:
            raise SeesawError(
                f"{site.names[tier]} has one machine, and rows are dealt to several. Give the site a link beside."
            )
        exchange = sum(site.beside.seconds(size) + site.beside.delay for size in tiles.exchanged if size)
        alone = site.seconds[tier, run[0].first : run[-1].last + 1].sum()
        computing[tier] += (tiles.seconds + exchange - alone) * share[run[0].first]
        exchanged += sum(tiles.exchanged) * share[run[0].first]
    sizes, sending, trips, tensors = [], [], [], []
    for link, state in enumerate(site.links):
        crossing = placement.sent(graph, link)
        shares = [
            max(share[user] for user in graph.edges[one].users if tiers[user] > link) for one in crossing
        ]
        size = math.fsum(graph.edges[one].bytes * part for one, part in zip(crossing, shares, strict=True))
        sizes.append(size)
        tensors.append(len(crossing))
        sending.append(state.seconds(size) if crossing else 0.0)
        trips.append(state.trip * max(shares, default=0.0) if crossing else 0.0)
    return Cost(
        tuple(computing.tolist()), tuple(sending), tuple(trips), tuple(sizes), tuple(tensors),
        float(exchanged),
    )  # fmt: skip


def _held(graph: Graph, site: Site, placement: Placement) -> np.ndarray:
    """The tiers as numbers, where they are a placement."""
    tiers = np.asarray(placement.tiers)
    if (
        tiers.shape != (len(graph.operations),)
        or tiers[0]
        or not ((tiers >= 0) & (tiers < len(site.names))).all()
    ):
        raise SeesawError(
            f"A placement has one of {len(site.names)} tiers for each of {len(graph.operations)} operations, the input's 0. Mend the "
            "partitioner."
        )
    for edge in graph.edges:
        if any(tiers[user] < tiers[edge.source] for user in edge.users):
            name = graph.operations[edge.source].name
            raise SeesawError(
                f"What reads {name} is placed before it. Mend the partitioner: nothing flows back."
            )
    before = 0
    for one in placement.shared:
        run = tiers[one.first : one.last + 1]
        if not (before < one.first <= one.last < len(tiers)) or len(set(run.tolist())) > 1:
            raise SeesawError(
                "Shared rows are parts of one tier, one behind the other. Mend the partitioner."
            )
        before = one.last
    return tiers


def _runs(shared: Sequence[Shared]) -> list[list[Shared]]:
    """Parts that follow one another directly, joined."""
    runs: list[list[Shared]] = []
    for one in shared:
        if runs and runs[-1][-1].last + 1 == one.first:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs
