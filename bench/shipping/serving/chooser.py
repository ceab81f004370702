"""Chooser: a split policy on a device, which sees of link, queue and answers what it would see in a replay."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor

from bench.kinds.begun import begun
from bench.kinds.belief import NOTHING, after_answer, after_payload, after_sending, believed
from bench.kinds.codec import Codec
from bench.kinds.frame import HEAD
from bench.kinds.split import ARM, FEEDBACK, MOST_EXITS, SEEN, Known, SplitPolicy

if TYPE_CHECKING:
    from bench.shipping.serving.client import Client
    from bench.shipping.serving.local import Local


class Happened(NamedTuple):
    """What became of one sample.

    Attributes:
        arm: that was chosen.
        place: where it was answered.
        seconds: from the question to the answer.
        device: of them, on the device.
        server: of them, at the server.
        bytes: sent.
        trip: seconds there and back of a small message; None where nothing was sent.
    """

    arm: int
    place: str
    seconds: float
    device: float
    server: float
    bytes: int
    trip: float | None


class Chooser:
    """Asks a split policy before each sample, and tells it what came of it.

    Its arms are the shipped cuts, and behind them the device's own last exit. What is right at an arm nobody knows on a device:
    all that was shipped counts as allowed.

    Args:
        policy: its functions run as they stand, without a compiler.
        locals_: the device's sides, by rising cut.
        client: the connection.
    """

    def __init__(self, policy: SplitPolicy, locals_: Sequence[Local], client: Client | None) -> None:
        self.policy, self.locals, self.client = policy, locals_, client
        arms = np.zeros(len(locals_) + 1, ARM)
        codecs = list(dict.fromkeys(one.shipped.spec for one in locals_))
        for arm, one in zip(arms, locals_, strict=False):
            shape = one.shipped.crossing.shape
            arm["cut"], arm["codec"] = one.shipped.cut, codecs.index(one.shipped.spec)
            arm["device"], arm["exits"], arm["elements"] = one.seconds, one.exits, math.prod(shape)
            arm["server"] = 0.0 if client is None else client.seconds[one.shipped.cut]
            arm["bytes"] = HEAD + 4 * len(shape) + usual_bytes(one.shipped.codec, shape)
        arms[-1]["cut"], arms[-1]["codec"] = locals_[-1].shipped.cut + 1, -1  # no cut that sends
        arms[-1]["device"], arms[-1]["exits"] = locals_[-1].seconds, locals_[-1].exits
        arms["right"] = arms["agrees"] = 1.0
        if not locals_[-1].exits:
            arms["right"][-1] = arms["agrees"][-1] = 0.0  # nothing on the device can answer
        self.known = Known(
            arms,
            tuple(codecs),
            math.prod(locals_[0].shipped.manifest.shape),
            float(arms[-1]["device"]),
            (math.nan, math.nan),
        )
        self.arms, self.own = [_named(one) for one in arms], _named(policy.own[0])
        self.memory = begun(policy, self.known)
        self._begun, self._answers, self._server = time.monotonic(), 0, math.nan
        self._belief = NOTHING
        self._luck = np.random.default_rng(0)

    def choose(self) -> int:
        """The number of the arm for the next sample; that of the last one is how many cuts there are."""
        seen = np.zeros(1, SEEN)[0]
        seen["time"], seen["battery"], seen["answers"] = self._now(), 1.0, self._answers
        seen["link"] = seen["rate"] = believed(self._belief, seen["time"])
        seen["trip"] = math.nan if self.client is None or self.client.trip is None else self.client.trip
        seen["server"] = self._server
        arm = int(
            self.policy.choose(_named(seen), self.arms, self.own, self.memory, float(self._luck.random()))
        )
        last = len(self.locals) if self.locals[-1].exits else len(self.locals) - 1
        return min(max(arm, 0), last)

    def sends(self) -> None:
        """Note that a sample is sent, before it is."""
        self._belief = after_sending(self._belief, self._now())

    def _now(self) -> float:
        """Seconds since the device began."""
        return time.monotonic() - self._begun

    def stays(self, arm: int, passed: Sequence[Tensor]) -> bool:
        """Whether the answer of an exit that was passed stands."""
        if self.policy.evaluates == "none" or arm >= len(self.locals):
            return False
        asked = {"all": range(len(passed)), "last": [len(passed) - 1], "chosen": self._chosen(len(passed))}[
            self.policy.evaluates
        ]
        return any(
            self.policy.stays(self.arms[arm], self.own, self.memory, number, _confidence(passed[number]))
            for number in asked
        )

    def _chosen(self, passed: int) -> list[int]:
        """The exit that the policy has chosen, where it is among those that were passed."""
        return [int(self.memory[0])] if 0 <= self.memory[0] < passed else []

    def learn(self, happened: Happened, passed: Sequence[Tensor], logits: Tensor) -> None:
        """Tell the policy what became of a sample."""
        feedback = np.zeros(1, FEEDBACK)[0]
        sent = happened.place == "server"
        confidences = [_confidence(one) for one in passed[:MOST_EXITS]]
        away = max(happened.seconds - happened.device, 0.0)
        feedback["arm"], feedback["sent"], feedback["seconds"] = happened.arm, float(sent), happened.seconds
        feedback["sending"] = max(away - happened.server - (happened.trip or 0.0), 0.0) if sent else 0.0
        feedback["away"] = away - feedback["sending"]
        feedback["server"], feedback["bytes"] = happened.server, happened.bytes
        feedback["exit"] = len(passed) - 1
        feedback["local"] = confidences[-1] if confidences else math.nan
        feedback["answer"] = _confidence(logits[None])
        feedback["same"] = (
            float(int(passed[-1].argmax()) == int(logits.argmax())) if sent and passed else math.nan
        )
        feedback["joules"] = math.nan
        feedback["confidences"] = math.nan
        feedback["confidences"][: len(confidences)] = confidences
        self._answers += 1
        if happened.bytes and self.client is not None:
            rate = math.nan if self.client.rate is None else self.client.rate
            now = self._now()
            belief = after_payload(self._belief, rate)
            self._belief = after_answer(belief, rate, now - happened.seconds, now, self.known.whole, sent)
        if sent:
            self._server = happened.server
        self.policy.learn(self.arms, self.own, self.memory, _named(feedback))


def _named(row: np.void) -> SimpleNamespace:
    """A record whose fields are attributes, as compiled policies read them."""
    return SimpleNamespace(**{name: row[name] for name in row.dtype.names or ()})


def usual_bytes(codec: Codec, shape: tuple[int, ...]) -> float:
    """The bytes of a feature by a codec; where these hang on its numbers, those of float32, or of 8-bit images, stand for them."""
    fixed = codec.fixed_bytes(shape)
    each = 1.0 if codec.content == "input" else 4.0
    return each * math.prod(shape) if fixed is None else float(fixed)


def _confidence(logits: Tensor) -> float:
    return float(logits.float().softmax(1).max())
