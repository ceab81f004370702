"""Deployment: a run's files, a channel and two profiles made into a game, and policies that play it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.errors import SeesawError
from bench.kinds.channel import Channel
from bench.kinds.device import Profile
from bench.kinds.split import SplitPolicy
from bench.plugins.plugin import Choice
from bench.records.circumstances import Circumstances, Side, Way
from bench.records.deployment import DeploymentRecord
from bench.records.record import Record
from bench.records.run_files import RunFiles
from bench.records.store import Store
from bench.records.stream import StreamPart
from bench.replay.deploy.crossed import Crossed
from bench.replay.deploy.game import Game, Terms, game_of, requests_of
from bench.replay.deploy.play import Played, play
from bench.replay.deploy.recording import named, player_of, record_of, way_of
from bench.replay.deploy.steps import Requests
from bench.replay.streams.recording import parts_of
from bench.replay.trace import Trace

SPARE = 60.0
"""Seconds of a channel's table beyond the last request; its last piece goes on for ever."""
REFERENCES = ("always-device", "always-server", "best-fixed", "random", "oracle")
"""Split policies that every deployment has, so that no other stands alone."""


class Network(NamedTuple):
    """A run's files, read.

    Attributes:
        run: its record.
        part: the network and its test split, as records name them.
        trace: of the test split.
        crossed: what samples of it sent.
        digest: of the file of crossings.
    """

    run: Record
    part: StreamPart
    trace: Trace
    crossed: Crossed
    digest: str


def network_of(files: RunFiles, store: Store) -> Network:
    """The network of a run's folder.

    Raises:
        SeesawError: the run has no sound record, no trace or no file of crossings, or they do not fit.
    """
    run = store.run_of(files.folder)
    if not files.test.is_file():
        raise SeesawError(
            f"A deployment is computed from its network's trace, and there is no {files.test}. Run the network again (seesaw run), "
            "or name the folder where it was run: --runs."
        )
    _, (part,) = parts_of([files.folder], store)
    trace = Trace.load(files.test)
    if not files.crossings.is_file():
        raise SeesawError(
            f"There is no {files.crossings}, which has the bytes of single samples. Measure the run again: seesaw run ... --measure."
        )
    crossed = Crossed.read(files.crossings, len(run.cuts), len(trace.labels), trace.logits.shape[2])
    return Network(run, part, trace, crossed, _digest(files.crossings))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


@dataclass(frozen=True)
class Deployment:
    """A game with its requests, and what a record says of it.

    Attributes:
        network: the run's files.
        sides: the device's profile and the server's.
        channel: the link.
        circumstances: the rest.
        game: that is played.
        requests: that come.
        kept: folder for what trained policies have learnt; None where the process alone remembers it.
    """

    network: Network
    sides: tuple[Side, Side]
    channel: Choice[Channel]
    circumstances: Circumstances
    game: Game
    requests: Requests
    kept: Path | None = None

    @classmethod
    def of(
        cls,
        network: Network,
        channel: Choice[Channel],
        sides: tuple[Side, Side],
        circumstances: Circumstances,
        kept: Path | None = None,
    ) -> Deployment:
        """The deployment of a network between two profiles.

        Raises:
            SeesawError: a profile is of another network, or requests are none or too many.
        """
        c = circumstances
        conditions = channel.plugin.conditions(c.seconds + SPARE, c.order_seed)
        patience = c.deadline if c.fallback and c.deadline is not None else math.inf
        batching = {} if c.batching is None else {"largest": c.batching.largest, "wait": c.batching.wait}
        terms = Terms(c.reply, c.report, c.battery, patience, **batching)
        device, server = (side.times() for side in sides)
        game = game_of(network.run, network.trace, network.crossed, device, server, conditions, terms)
        moments = np.array(c.moments) if c.arrivals == "recorded" else None
        load = np.array(c.load_moments) if c.load_moments else c.load or 0.0
        requests = requests_of(game, c.arrivals, c.rate, c.seconds, c.order_seed, c.devices, moments, load)
        return cls(network, sides, channel, circumstances, game, requests, kept)

    def compile(
        self, policies: Sequence[Choice[SplitPolicy]], report: Callable[[str], None] = lambda spec: None
    ) -> None:
        """Let every policy play the first request alone, so that its functions are compiled, or read from the disk.

        Raises:
            SeesawError: one of them cannot be compiled.
        """
        few = self.requests._replace(arrivals=self.requests.arrivals[:1])
        for one in policies:
            report(one.spec)
            play(one.plugin, self.game, few._replace(samples=few.samples[:1], luck=few.luck[:1]), self.kept)

    def play(
        self, policies: Sequence[Choice[SplitPolicy]], report: Callable[[str], None] = lambda spec: None
    ) -> dict[str, Played]:
        """What becomes of every request, by the policies' specs.

        Args:
            policies: that play, each by itself.
            report: called with each spec before it plays.

        Raises:
            SeesawError: a policy cannot be compiled, or chooses no arm that there is.
        """
        played = {}
        for one in policies:
            report(one.spec)
            played[one.spec] = play(one.plugin, self.game, self.requests, self.kept)
        return played

    def record(
        self, policies: Sequence[Choice[SplitPolicy]], played: Mapping[str, Played]
    ) -> DeploymentRecord:
        """The record of policies that have played."""
        return record_of(
            self.network.run.seed, self.network.part, self.network.digest, self.sides, self.way(), self.circumstances, self.game,
            [player_of(one) for one in policies], played,
        )  # fmt: skip

    def way(self) -> Way:
        """The channel as it is used."""
        c = self.circumstances
        conditions = self.channel.plugin.conditions(c.seconds + SPARE, c.order_seed)
        return way_of(named(self.channel), conditions, c.seconds)


def side_of(profile: Choice[Profile], run: Record, largest: int = 1) -> Side:
    """A profile as it is used for a network; of a server that batches, `largest` is the most requests of a batch.

    Raises:
        SeesawError: it is of another network, or the record lacks what it needs.
    """
    return Side.of(named(profile), profile.plugin.times(run).check(len(run.cuts), len(run.exits)), largest)
