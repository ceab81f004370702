"""Split policy: chooses, without labels, for each request where the network is cut and what the device sends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from bench.plugins.plugin import Plugin

Evaluates = Literal["none", "last", "all", "chosen"]
"""Exits on the device that are computed before a request is sent on. `chosen`: the one whose number `choose` has written to `memory[0]`;
none where that is -1, or no exit before the cut."""

SEEN = np.dtype([
    (name, "f8")
    for name in (
        "time",  # seconds since the first request could come
        "waited",  # seconds that this request has waited for the device
        "queue",  # requests that wait behind it
        "unsent",  # bytes that the device has still to send of earlier requests
        "link",  # bytes/s, as the modem reported it last; NaN where it reports none
        "rate",  # bytes/s of the last payload that was sent; NaN before there is one, and once a slow one is forgotten (`bench.kinds.belief`)
        "trip",  # seconds from the last byte sent to its answer, without the server's own; at first of the connection's handshake
        "server",  # seconds that the last answer waited for the server and was computed there; NaN before there is one
        "battery",  # share of the battery that is left; 1 where it has no end
        "answers",  # how many answers have come, or were given up
    )
])  # fmt: skip
"""What a device sees when it begins with a request: nothing of its label, nothing of what is to come."""

ARM = np.dtype([
    (name, "f8")
    for name in (
        "cut",  # the number of the cut; the last one has nothing to send
        "codec",  # its number among `Known.codecs`; -1 at the last cut
        "device",  # seconds of the device's part, the encoder's included, heads on the way not
        "heads",  # seconds of all heads on the way
        "server",  # seconds of the server's part, the decoder's included
        "bytes",  # framed, mean of the known samples
        "right",  # share of the known samples that are answered rightly behind it
        "agrees",  # share of them that are answered as by the uncut network
        "exits",  # how many exits the device's part has
        "elements",  # numbers in the tensor that crosses
        "macs",  # of the device's part, a sample
        "rest",  # MACs of the server's part
    )
])  # fmt: skip
"""What is known of an arm, a cut with a codec, before the first request: means over known samples, which make no requests."""

MOST_EXITS = 64
"""Exits on the device whose confidences a policy learns."""

FEEDBACK = np.dtype([
    *((name, "f8") for name in (
        "arm",  # that was chosen
        "sent",  # 1 where the server answered, 0 where the device did, or where the request was given up: then `bytes` are above 0
        "seconds",  # from the device's begin to the answer, or to giving up
        "sending",  # of them, from handing the payload over to its last byte
        "away",  # of them, from the last byte to the answer; of a request that was given up, from the device's end
        "server",  # of them, waiting and computing at the server, as the answer says
        "bytes",  # sent, framed
        "exit",  # of the device, the last that was computed; -1 for none
        "local",  # its confidence; NaN for none
        "answer",  # confidence of the answer that counts; NaN where a request was given up and no exit answers
        "same",  # 1 where the server's answer was the device's own; NaN without one of each
        "joules",  # of computing and of the radio, the tail aside; NaN where computing has no known power
    )),
    ("confidences", "f8", (MOST_EXITS,)),  # of the exits computed on the device, by number; NaN for others
])  # fmt: skip
"""What a device learns of a request once its answer is there, or once it is given up: at the deadline of a device that then answers
itself, else after 10 s. It never learns whether the answer was right."""


@dataclass(frozen=True)
class Known:
    """What a device has been given before the first request.

    Attributes:
        arms: cuts with codecs, records of `ARM`; the last one computes all on the device. Their seconds are those to decide by,
            which may be predictions.
        codecs: specs, by number.
        inputs: numbers in one input.
        whole: seconds of the whole network on the device, without early exits.
        watts: of the device while it computes, and of the radio while it sends, beside what the bytes take; NaN where unknown.
        joules_per_byte: of the radio.
        tail: seconds for which the radio stays awake after a transfer, and its watts meanwhile.
        by_layer: whether the device's seconds, and the server's, are sums of what regressions for each kind of layer predict.
        reach: seconds of the device to each exit's answer, without heads, float64 (exits,); empty, as what follows, where nobody knows.
        heads: seconds of each exit's head, float64 (exits,).
        confidences: of each exit in its answers to the known samples, float64 (exits, samples).
        exit_right: whether these are right, boolean (exits, samples).
    """

    arms: np.ndarray
    codecs: tuple[str, ...]
    inputs: int
    whole: float
    watts: tuple[float, float]
    joules_per_byte: float = 0.0
    tail: tuple[float, float] = (0.0, 0.0)
    by_layer: tuple[bool, bool] = (False, False)
    reach: np.ndarray = field(default_factory=lambda: np.zeros(0))
    heads: np.ndarray = field(default_factory=lambda: np.zeros(0))
    confidences: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    exit_right: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))

    def within(self, lost: float) -> np.ndarray:
        """Which arms are answered rightly for at most a share `lost` fewer of the known samples than the whole network."""
        return self.arms["right"] >= self.arms["right"][-1] - lost - 1e-12

    def smallest(self, allowed: np.ndarray) -> int:
        """The number of the arm of the fewest bytes among those that a boolean array marks; -1 for none."""
        return int(np.where(allowed, self.arms["bytes"], np.inf).argmin()) if allowed.any() else -1

    def names(self, cut: int) -> list[str]:
        """The specs of the codecs through which something was sent at a cut."""
        return [
            self.codecs[int(one["codec"])] for one in self.arms if one["cut"] == cut and one["codec"] >= 0
        ]

    def arm(self, cut: int, codec: str) -> int:
        """The number of the arm with a cut and a codec; -1 for none."""
        for number, one in enumerate(self.arms):
            name = self.codecs[int(one["codec"])] if one["codec"] >= 0 else ""
            if int(one["cut"]) == cut and codec == name:
                return number
        return -1


class SplitPolicy(Plugin):
    """The contract: `choose` takes an arm for each request, `stays` keeps an exit's answer, `learn` sees what came of it.

    An arm is a cut with a codec; the last arm computes all on the device. The three functions are compiled: they take numbers,
    records of numbers and arrays of them, use `math` and nothing else. So a policy sees what it is handed, and that is what a
    device could see: no label, no later request, no later rate. `own` holds the settings that are numbers (a truth value is 0 or
    1), `memory` is the policy's own, as `begin` made it.
    """

    kind: ClassVar[str] = "split"

    @property
    def evaluates(self) -> Evaluates:
        """Which of the exits before the cut are computed, paid for, and asked with `stays`: none, the last one, all, or a chosen one."""
        return "none"

    @property
    def own(self) -> np.ndarray:
        """The settings that are numbers, as one record, NaN for one that is left open; a zero where there are none."""
        values = {key: math.nan if value is None else value for key, value in self.model_dump().items()}
        numbers = {key: float(value) for key, value in values.items() if isinstance(value, (int, float))}
        numbers = numbers or {"none": 0.0}
        return np.array([tuple(numbers.values())], [(name, "f8") for name in numbers])

    def begin(self, known: Known) -> np.ndarray:
        """The memory before the first request, float64 (numbers,); the default has one zero for each arm.

        It hangs on the settings and on what is known, and on nothing else, so it is made once and kept (`bench.kinds.begun`).

        Args:
            known: the arms, and what is known of them.

        Raises:
            SeesawError: no arm is one that this policy could choose.
        """
        return np.zeros(len(known.arms))

    @staticmethod
    def choose(seen: Any, arms: Any, own: Any, memory: Any, luck: float) -> int:
        """The number of the arm for a request that the device begins with.

        Args:
            seen: a record of `SEEN`.
            arms: records of `ARM`, by number.
            own: the settings.
            memory: numbers; may be changed.
            luck: a number drawn uniformly from 0 to 1 for this request.
        """
        raise NotImplementedError("A split policy must define choose(seen, arms, own, memory, luck)")

    @staticmethod
    def stays(arm: Any, own: Any, memory: Any, exit_: int, confidence: float) -> bool:
        """Whether an exit's answer stands, so that nothing is sent; asked at the exits that it `evaluates`."""
        return False

    @staticmethod
    def learn(arms: Any, own: Any, memory: Any, feedback: Any) -> None:
        """Change `memory` by a record of `FEEDBACK`, which comes when the answer does, or when the request is given up."""


class SplitBound(SplitPolicy):
    """A bound for split policies. It sees labels or the future, as no policy may, so it is never ranked.

    It plays every arm alone and picks one in hindsight (`pick`), or takes for each request the arm that is answered first
    (`foresees`), by the true rates of the link.
    """

    foresees: ClassVar[bool] = False
    """whether each request takes the best of the arms that `allowed` marks, the present queues being as they are"""

    def allowed(self, known: Known, right: np.ndarray) -> np.ndarray:
        """Which arms each sample may take where it `foresees`, boolean (arms, samples).

        Args:
            known: the arms.
            right: whether each arm's answer is right, boolean (arms, samples).
        """
        return np.ones_like(right)

    def pick(self, known: Known, seconds: np.ndarray, right: np.ndarray) -> int:
        """The arm for all requests, in hindsight.

        Args:
            known: the arms.
            seconds: mean time to the answer with each arm alone, (arms,); infinite where one was never answered.
            right: share of right answers, (arms,).
        """
        raise NotImplementedError(f"{type(self).__name__} must define pick(known, seconds, right)")
