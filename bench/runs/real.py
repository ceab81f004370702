"""Prediction and reality: the requests of a deployment as replay computes them, and as three processes really answer them."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from bench.errors import SeesawError
from bench.kinds.split import SplitPolicy
from bench.kinds.task import Data
from bench.measuring.real import Asked, asked, listening
from bench.plugins.plugin import choose
from bench.records.record import Record
from bench.records.store import Store
from bench.replay.deploy.deployment import SPARE, Deployment
from bench.replay.deploy.game import Game
from bench.replay.deploy.play import Played, play
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.ship import shipment_of
from bench.shipping.serving.device import Device

CHECKED = 16
"""Test samples on which the packed parts are checked."""
WARM = 5
"""Requests before the first one that counts: connections open, and code is loaded."""
LEAD = 0.1
"""Seconds between the last of them and the beginning."""
FOREVER = 3600.0
"""Seconds for an answer where there is no deadline."""
UP, DOWN = 80, 70
"""Bytes that a call adds to a message, and an answer with its trailers to the 64 bytes that replay takes for it: frames and headers of
HTTP/2, and fields of the protocol. Counted by a link over 30 calls of grpcio 1.85 (1,128 up for 1,048, and 133 down)."""
HEADER = (
    "request", "due", "sample", "predicted", "measured", "predicted_right", "right", "place", "exit", "device", "server", "bytes",
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """How a fixed policy cuts: what is packed, and how the device is asked to decide.

    Attributes:
        cut: first stage of the server's part.
        codec: its spec.
        threshold: confidence from which an exit's answer stands; None where no exit is evaluated.
    """

    cut: int
    codec: str
    threshold: float | None

    @property
    def split(self) -> str | None:
        """The spec of the device's split policy; None where everything is sent."""
        return None if self.threshold is None else f"fixed[cut={self.cut},threshold={self.threshold:g}]"

    @classmethod
    def of(cls, spec: str) -> Way:
        """The way of a policy's spec.

        Raises:
            SeesawError: it is no fixed cut behind the first stage by a codec.
        """
        choice = choose(SplitPolicy, spec)
        settings = choice.settings
        if choice.name != "fixed" or not settings["codec"] or settings["cut"] < 1:
            raise SeesawError(
                f"A real deployment cuts every request at one place, by one codec, and {spec!r} does not. Give --policy "
                "'fixed[cut=2,codec=float32]', with a cut behind the first stage."
            )
        return cls(settings["cut"], settings["codec"], settings["threshold"])


@dataclass(frozen=True)
class Real:
    """Requests, predicted and measured.

    Attributes:
        moments: at which they were due, seconds from the beginning of the link's table, float64 (N,).
        samples: places in the test split, int64 (N,).
        predicted: what replay computes for these moments.
        measured: what really became of each.
        right: whether the real answers are, boolean (N,); False where there is none.
    """

    moments: np.ndarray
    samples: np.ndarray
    predicted: Played
    measured: list[Asked]
    right: np.ndarray

    @property
    def seconds(self) -> np.ndarray:
        """From the request to its real answer, infinite where none came, float64 (N,)."""
        return np.array([one.seconds for one in self.measured])

    def quantiles(self, percent: float) -> tuple[float, float]:
        """A percentile of the predicted seconds and of the measured ones: the smallest that so many reach."""
        pair = (self.predicted.seconds, self.seconds)
        predicted, measured = (float(np.percentile(one, percent, method="inverted_cdf")) for one in pair)
        return predicted, measured

    def write(self, path: Path) -> None:
        """Write a line for each request as CSV."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for number, one in enumerate(self.measured):
                answer = one.answer
                rest = ["", "", "", "", ""]
                if answer is not None:
                    exit_ = "" if answer.exit is None else answer.exit
                    rest = [answer.place, exit_, f"{answer.device:.6f}", f"{answer.server:.6f}", answer.bytes]
                writer.writerow([
                    number, f"{self.moments[number]:.6f}", self.samples[number], f"{self.predicted.seconds[number]:.6f}",
                    f"{one.seconds:.6f}", int(self.predicted.right[number]), int(self.right[number]), *rest,
                ])  # fmt: skip


def hold_real(deployment: Deployment) -> None:
    """See that a deployment's circumstances can be set up on one machine.

    Raises:
        SeesawError: they cannot.
    """
    c = deployment.circumstances
    if c.devices > 1 or c.load is not None or c.load_moments or c.batching is not None or c.battery:
        raise SeesawError(
            "A real deployment has one device and a server that takes one by one. Leave out --devices, --load, --batch and --battery."
        )
    if c.deadline is not None and not c.fallback:
        raise SeesawError(
            "A real device answers by its own exit at its deadline. Give --fallback with --deadline, or neither."
        )


@dataclass(frozen=True)
class Served:
    """A network that was packed at a cut, behind a server.

    Attributes:
        way: at which it was packed.
        folder: of both parts.
        address: of the server.
        data: the task's splits.
    """

    way: Way
    folder: Path
    address: str
    data: Data


@contextmanager
def served(
    run: Record, store: Store, policy: str, report: Callable[[str], object] = lambda line: None
) -> Iterator[Served]:
    """Pack a trained network as a fixed policy cuts it, and serve it in a process of its own.

    Args:
        run: record of the network.
        store: that its run and weights lie in.
        policy: spec of a fixed split policy.
        report: called with a line of text before each step.

    Raises:
        SeesawError: the policy is no fixed cut, the network was not trained here, or the server does not begin.
    """
    way = Way.of(policy)
    resolved = ResolvedRun.of(RunRequest.of(run, records=store.records, runs=store.runs))
    with TemporaryDirectory(prefix="seesaw-real-") as top:
        folder = Path(top) / "shipped"
        report("Packing both parts ...")
        shipment_of(resolved, folder, samples=CHECKED, cut=way.cut, codec=way.codec).pack()
        report("Starting the server ...")
        with listening("serve", str(folder), "--listen", "127.0.0.1:0", "--batch", "1") as server:
            yield Served(way, folder, server.address, resolved.splits())


def really(
    deployment: Deployment, policy: str, server: Served, report: Callable[[str], object] = lambda line: None
) -> Real:
    """Answer a deployment's requests by a device in this process, over a link in a process of its own.

    The link's table begins before the first request, since its process begins first; the prediction is computed for the moments
    at which requests really were due, and for messages with what gRPC puts around them.

    Args:
        deployment: with requests, channel and profiles.
        policy: spec of the fixed split policy.
        server: of the network, as this policy cuts it.
        report: called with a line of text before each step.

    Raises:
        SeesawError: the circumstances cannot be set up, or the link does not begin.
    """
    hold_real(deployment)
    chosen, c, requests = choose(SplitPolicy, policy), deployment.circumstances, deployment.requests
    deployment.compile([chosen])
    samples = deployment.network.crossed.samples[requests.samples]
    test, scale = server.data.test, server.data.scale
    inputs = [scale(test.inputs[place : place + 1]) for place in samples.tolist()]
    report("Starting the link ...")
    table = [
        "--channel",
        deployment.channel.spec,
        "--seed",
        str(c.order_seed),
        "--seconds",
        f"{c.seconds + SPARE:g}",
    ]
    with (
        listening("link", "--to", server.address, "--listen", "127.0.0.1:0", *table) as link,
        Device(
            server.folder,
            link.address,
            policy="none",
            split=server.way.split,
            deadline=c.deadline or FOREVER,
            report=report,
        ) as device,
    ):
        for x in inputs[:WARM]:
            device.ask(x)
        begin = time.monotonic() + LEAD
        measured = asked(
            device, inputs, requests.arrivals.tolist(), begin,
            lambda count: report(f"Request {count:,} of {len(inputs):,} ..."),
        )  # fmt: skip
    moments = requests.arrivals + (begin - link.started)
    predicted = play(chosen.plugin, _enveloped(deployment.game), requests._replace(arrivals=moments))
    labels = test.labels[torch.from_numpy(samples)].tolist()
    right = [
        one.answer is not None and one.answer.label == label
        for one, label in zip(measured, labels, strict=True)
    ]
    return Real(moments, samples, predicted, measured, np.array(right))


def _enveloped(game: Game) -> Game:
    """A game whose messages have what gRPC puts around them, there and back."""
    framed = np.where(game.costs.framed > 0, game.costs.framed + UP, 0)
    return replace(game, costs=game.costs._replace(framed=framed, reply=game.costs.reply + DOWN))
