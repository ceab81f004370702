"""Steps: the moments of a request, and what the loop over requests takes: link, costs, requests."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.replay.deploy.link import Direction

BEGIN, DONE, START, SENT, ARRIVED, SERVED, FINISHED, ANSWERED = range(8)
"""Moments of a request, in seconds: the device begins and is done; the first byte leaves and the last; the payload arrives; the
server begins and ends; the answer is there. Where nothing is sent, all from DONE on are that moment."""

GIVES_UP = 10.0
"""Seconds after which a device without a deadline counts a request as given up: its policy learns that no answer came. The answer still
counts when it comes."""


class Link(NamedTuple):
    """Both directions, and what the radio takes.

    Attributes:
        up: from the device.
        down: to it.
        tail_seconds: for which the radio stays awake after the last byte.
        tail_watts: meanwhile.
        report: seconds between reports of the modem, each the mean rate since the one before; 0 for none.
    """

    up: Direction
    down: Direction
    tail_seconds: float
    tail_watts: float
    report: float


class Costs(NamedTuple):
    """Seconds and answers of the network.

    Attributes:
        reach: to each exit's answer on the device, without its head and those before it, float64 (exits,).
        heads: of each head on the device, float64 (exits,).
        framed: bytes of each arm for each sample, int64 (arms, samples).
        answers: of each arm, int64 (arms, samples).
        exit_answers: of each exit, as computed on the device, int64 (exits, samples).
        confidences: of each exit in its answer, float64 (exits, samples).
        reply: bytes of an answer.
        watts: of the device while it computes; NaN where unknown.
        battery: joules; 0 for one without end.
        other: seconds of the server for a request of another device.
        patience: seconds after which the device answers by its own exit; infinite where it always waits.
    """

    reach: np.ndarray
    heads: np.ndarray
    framed: np.ndarray
    answers: np.ndarray
    exit_answers: np.ndarray
    confidences: np.ndarray
    reply: float
    watts: float
    battery: float
    other: float
    patience: float


class Queues(NamedTuple):
    """What stands between the device and the server, at some moment of the loop over requests.

    Attributes:
        free: moments at which link, server and way back are free, and the place among others' requests, float64 (4,).
        last: moments of the last arrival and the last answer, float64 (2,).
        near: pieces of both directions that are not far before, int64 (2,).
        sent: numbers of the requests that were sent, in their order, int64 (N,).
        arrivals: moments at which what was sent arrives, float64 (N,); empty where the server takes one by one, as `arms`.
        arms: of what was sent, int64 (N,).
    """

    free: np.ndarray
    last: np.ndarray
    near: np.ndarray
    sent: np.ndarray
    arrivals: np.ndarray
    arms: np.ndarray


class Requests(NamedTuple):
    """The requests of the device, and the moments at which other devices' reach the server.

    Attributes:
        arrivals: seconds, rising, float64 (N,).
        samples: numbers of the samples, int64 (N,).
        luck: uniform from 0 to 1, float64 (N, 3): of the policy, and of repairs up and down.
        others: seconds, rising, float64 (requests of others,).
    """

    arrivals: np.ndarray
    samples: np.ndarray
    luck: np.ndarray
    others: np.ndarray
