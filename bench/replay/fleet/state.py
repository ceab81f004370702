"""State of a fleet: devices and their ways back, messages to the servers, what a policy makes of samples, and what holds for all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Devices(NamedTuple):
    """What devices do and send, float64 (N,) but for whole numbers. Moments are those of its place in the channel's table.

    Attributes:
        next: the moment of its next request, on the fleet's clock.
        number: of that request, int64.
        place: seconds by which its clock is ahead of the fleet's.
        device: when its device is free.
        up: when its link is; -1 where it has not sent.
        arrived: the last arrival of what it sent.
        near_up: a piece of the table that is not far before, int32.
        used: joules.
    """

    next: np.ndarray
    number: np.ndarray
    place: np.ndarray
    device: np.ndarray
    up: np.ndarray
    arrived: np.ndarray
    near_up: np.ndarray
    used: np.ndarray


class Receivers(NamedTuple):
    """The ways back to devices, float64 (N,) but for whole numbers. Moments are those of the device's place in the channel's table.

    Attributes:
        place: seconds by which its clock is ahead of the fleet's.
        down: when its way back is free.
        answered: its last answer.
        near_down: a piece of the table that is not far before, int32.
    """

    place: np.ndarray
    down: np.ndarray
    answered: np.ndarray
    near_down: np.ndarray


class Messages(NamedTuple):
    """What is on its way to the servers.

    Attributes:
        arrived: on the fleet's clock, float64.
        asked: when its request came, float64.
        service: mean seconds at a server that takes one by one, float64.
        reply: bytes of its answer, float64.
        device: its number, int32.
        number: of the request, int32.
        arm: that was taken, int32.
        right: whether the answer is, boolean.
        answered: when the answer is there, on the fleet's clock, float64; NaN before a server has taken it.
    """

    arrived: np.ndarray
    asked: np.ndarray
    service: np.ndarray
    reply: np.ndarray
    device: np.ndarray
    number: np.ndarray
    arm: np.ndarray
    right: np.ndarray
    answered: np.ndarray


class Work(NamedTuple):
    """What a policy makes of each sample, by the arm it takes.

    Attributes:
        seconds: of the device, float64 (arms, samples).
        sent: whether the server answers, boolean (arms, samples).
        framed: bytes sent, float64 (arms, samples).
        right: whether the answer is right, boolean (arms, samples).
        service: mean seconds of the server, float64 (arms,).
        samples: that make requests, int64.
        arms: the arm that is taken while each piece of the channel's table holds, int64 (pieces,).
        watts: of the device while it computes; NaN where unknown.
        reply: bytes of an answer.
    """

    seconds: np.ndarray
    sent: np.ndarray
    framed: np.ndarray
    right: np.ndarray
    service: np.ndarray
    samples: np.ndarray
    arms: np.ndarray
    watts: float
    reply: float


class Rules(NamedTuple):
    """What holds for all devices.

    Attributes:
        seed: of chance.
        rate: requests a second of each.
        periodic: whether they come at equal distances.
        seconds: for which they come.
        warm: seconds at the beginning whose requests are not counted.
        deadline: seconds; infinite for none.
        battery: joules; 0 for one without end.
        exponential: whether service is, with the mean that is known; else it is constant.
        tail_seconds: for which a radio stays awake after its last byte.
        tail_watts: meanwhile.
    """

    seed: int
    rate: float
    periodic: bool
    seconds: float
    warm: float
    deadline: float
    battery: float
    exponential: bool
    tail_seconds: float
    tail_watts: float
