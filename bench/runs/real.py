"""Prediction and reality: the requests of a deployment as replay computes them, and as three processes really answer them."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.errors import SeesawError
from bench.kinds.split import SplitPolicy
from bench.machine import commit, conditions, versions
from bench.measuring.others import Others
from bench.measuring.real import Asked, asked
from bench.plugins.plugin import choose
from bench.records.answers import EXIT, FALLBACK, HALVES, NEVER, SERVER, Answers, Totals, rounded
from bench.records.measured import MeasuredDeployment
from bench.replay.deploy.deployment import Deployment
from bench.replay.deploy.play import Played
from bench.replay.deploy.predict import ADDED, answers_of, arm_of, due_of, predicted, samples_of
from bench.replay.deploy.recording import named
from bench.runs.served import Laid, Served, link_to
from bench.shipping.serving.device import Device

WARM = 5
"""Requests before the first one that counts: connections open, and code is loaded."""
LEAD = 0.1
"""Seconds between the last of them and the beginning."""
FOREVER = 3600.0
"""Seconds for an answer where there is no deadline."""
LETTERS = {"exit": EXIT, "server": SERVER, "fallback": FALLBACK}
HEADER = (
    "request", "due", "sample", "predicted", "measured", "predicted_right", "right", "place", "exit", "device", "server", "bytes",
)  # fmt: skip


@dataclass(frozen=True)
class Real:
    """Requests, predicted and measured.

    Attributes:
        moments: at which they were due, seconds from the beginning of the link's table, float64 (N,).
        samples: places in the test split, int64 (N,).
        predicted: what replay computes for these moments.
        measured: what really became of each.
        right: whether the real answers are, boolean (N,); False where there is none.
        others: cores that other programs took meanwhile, on the mean; None where the system does not tell.
    """

    moments: np.ndarray
    samples: np.ndarray
    predicted: Played
    measured: list[Asked]
    right: np.ndarray
    others: float | None = None

    @property
    def seconds(self) -> np.ndarray:
        """From the request to its real answer, infinite where none came, float64 (N,)."""
        return np.array([one.seconds for one in self.measured])

    def quantiles(self, percent: float) -> tuple[float, float]:
        """A percentile of the predicted seconds and of the measured ones: the smallest that so many reach."""
        pair = (self.predicted.seconds, self.seconds)
        predicted, measured = (float(np.percentile(one, percent, method="inverted_cdf")) for one in pair)
        return predicted, measured

    def answers(self) -> Answers:
        """What was measured, as records hold it."""
        answers = [one.answer for one in self.measured]
        return Answers(
            seconds=[None if one.answer is None else rounded(one.seconds) for one in self.measured],
            places="".join(NEVER if one is None else LETTERS[one.place] for one in answers),
            exits=[-1 if one is None or one.exit is None else one.exit for one in answers],
            right="".join("1" if one else "0" for one in self.right.tolist()),
            device=[0.0 if one is None else rounded(one.device) for one in answers],
            server=[0.0 if one is None else rounded(one.server) for one in answers],
            bytes=[0 if one is None else one.bytes for one in answers],
        )

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


def really(
    deployment: Deployment, policy: str, server: Served, report: Callable[[str], object] = lambda line: None
) -> Real:
    """Answer a deployment's requests by a device in this process, over a link in a process of its own, or of the kernel.

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
    chosen, c = choose(SplitPolicy, policy), deployment.circumstances
    deployment.compile([chosen])
    samples = samples_of(deployment)
    test, scale = server.data.test, server.data.scale
    inputs = [scale(test.inputs[place : place + 1]) for place in samples.tolist()]
    with (
        link_to(deployment, server, report) as link,
        Device(
            server.folder, link.address, token=server.token, clear_text=True, policy="none", split=server.way.split,
            deadline=c.deadline or FOREVER, report=report,
        ) as device,
    ):  # fmt: skip
        for x in inputs[:WARM]:
            device.ask(x)
        others = Others({os.getpid(), server.process, link.process})
        begin = time.monotonic() + LEAD
        measured = asked(
            device, inputs, deployment.requests.arrivals.tolist(), begin,
            lambda count: report(f"Request {count:,} of {len(inputs):,} ..."),
        )  # fmt: skip
        cores = others.cores()
    due = due_of(deployment, begin - link.started)
    labels = test.labels[torch.from_numpy(samples)].tolist()
    right = [
        one.answer is not None and one.answer.label == label
        for one, label in zip(measured, labels, strict=True)
    ]
    return Real(due, samples, predicted(deployment, chosen, due, ADDED), measured, np.array(right), cores)


def measured_record(
    deployment: Deployment, policy: str, real: Real, laid: Laid = "proxy"
) -> MeasuredDeployment:
    """The record of requests that were really answered.

    Args:
        deployment: with requests, channel and profiles.
        policy: spec of the fixed split policy.
        real: what was predicted, and measured.
        laid: how the channel was laid between the processes.
    """
    from grpc import __version__ as grpcio

    head, dirty = commit()
    network, halves = deployment.network, (answers_of(real.predicted, ADDED), real.answers())
    totals = [Totals.of(one) for one in halves]
    record = MeasuredDeployment(
        digest="0" * 12, seed=network.run.seed, part=network.part, crossings=network.digest, device=deployment.sides[0],
        server=deployment.sides[1], way=deployment.way(), laid=laid, asked=deployment.circumstances,
        policy=named(choose(SplitPolicy, policy)), arm=arm_of(deployment, real.predicted), added=ADDED, requests=len(real.moments),
        due=real.moments.tolist(), samples=real.samples.tolist(), predicted=halves[0], measured=halves[1],
        totals=dict(zip(HALVES, totals, strict=True)), machine=conditions(torch.device("cpu")), others=real.others,
        versions=versions() | {"grpcio": grpcio}, commit=head, dirty=dirty,
    )  # fmt: skip
    return record.model_copy(update={"digest": record.request_digest()})
