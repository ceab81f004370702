"""Device: the device's part of shipped cuts, which leaves at exits, asks a server for the rest, and answers without one."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from bench.errors import SeesawError
from bench.execution.fast import Fast, fast
from bench.kinds.policy import Policy
from bench.kinds.sending import messages_of
from bench.kinds.split import SplitPolicy
from bench.plugins.plugin import choose
from bench.records.run_files import STATES
from bench.replay.exits.decide import leaves_now
from bench.replay.exits.states import load_states
from bench.shipping.manifest import MANIFEST, Manifest, announced, read_same
from bench.shipping.serving.chooser import Chooser, Happened
from bench.shipping.serving.client import Client, Unanswered
from bench.shipping.serving.cuts import ShippedCut, by_key, folders_of, open_cut

MAX_STATES = 1 << 28
"""Bytes of a file of policies' states."""
AGAIN = 0.5
"""Seconds after which a server that did not answer is asked again; meanwhile the device answers at once by itself."""
MISSES = 2
"""Answers in a row that do not come in time, after which the device waits no longer for each."""

Place = Literal["exit", "server", "fallback"]


@dataclass(frozen=True)
class Answer:
    """The answer to one sample.

    Attributes:
        label: the class.
        logits: float32 (classes,), on the CPU.
        place: `exit`, where the policy let it leave on the device; `server`; `fallback`, where the server did not answer in time.
        exit: on the device, its number among the network's exits; None for the server's.
        cut: at which the network was cut for this sample.
        seconds: from the question to the answer.
        device: of them, computing and encoding on the device.
        server: of them, waiting and computing at the server, as it says itself.
        bytes: of the message that was sent; 0 where none was.
    """

    label: int
    logits: Tensor
    place: Place
    exit: int | None
    cut: int
    seconds: float
    device: float
    server: float = 0.0
    bytes: int = 0


@dataclass(frozen=True)
class Local:
    """The device's side of one cut, ready to run.

    Attributes:
        shipped: the cut.
        stretches: its part from exit to exit, each in its fastest way; the last one may end without an exit.
        leaves: whether a sample leaves, from the logits of the exits so far (exits so far, 1, classes); None where no policy
            was shipped, or no exit is on the device.
        seconds: of the part and the encoder, measured on zeros.
    """

    shipped: ShippedCut
    stretches: list[Fast]
    leaves: Callable[[Tensor], Tensor] | None
    seconds: float

    @property
    def exits(self) -> int:
        """How many exits lie on the device."""
        return sum(len(part.heads) > 0 for part in self.shipped.stretches)

    @torch.no_grad()
    def run(self, x: Tensor) -> tuple[Tensor, list[Tensor], bool]:
        """One sample: the tensor behind the last stretch that ran, the logits of the exits passed, and whether it left.

        Args:
            x: (1, *sample), as the network takes it.
        """
        passed: list[Tensor] = []
        for stretch in self.stretches:
            x, *logits = stretch(x)
            if not logits:
                continue
            passed.append(logits[-1])
            if self.leaves is not None and bool(self.leaves(torch.stack(passed))[0]):
                return x, passed, True
        return x, passed, False


class Device:
    """Answers samples: by exits of its own, by a server, and without one by its last exit.

        device = Device("shipped", "192.168.0.7:8443")
        print(device.ask(x).label)

    Every sample is answered once. Calls from several threads are taken; the device computes one sample at a time.

    Args:
        places: a folder of `seesaw pack --cut`, or one that holds several cuts of one network; or several of these.
        server: host:port; without one every sample is answered by the device.
        tls: folder of `seesaw certs`.
        token: the word that the server wants.
        deadline: seconds for an answer, from the question on.
        policy: spec of an exit policy that was shipped; the first one where left out, `none` for none.
        split: spec of the split policy that takes the cut, where several were shipped; the first cut where left out.
        report: called with a line of text before each cut is opened.

    Raises:
        SeesawError: the folders hold no device's part, or several networks; the server is of another version or network, or
            there is neither a server nor an exit.
    """

    def __init__(
        self,
        places: Path | str | Sequence[Path | str],
        server: str | None = None,
        *,
        tls: Path | str | None = None,
        token: str | None = None,
        deadline: float = 1.0,
        policy: str | None = None,
        split: str | None = None,
        report: Callable[[str], object] = lambda line: None,
    ) -> None:
        several = [places] if isinstance(places, (str, Path)) else list(places)
        opened = []
        for folder in folders_of([Path(one) for one in several]):
            report(f"Opening {folder} ...")
            opened.append(open_cut(folder, "device"))
        cuts = sorted(by_key(opened).values(), key=lambda one: one.cut)
        if len({one.manifest.record for one in cuts}) > 1:
            names = ", ".join(sorted({one.name for one in cuts}))
            raise SeesawError(
                f"A device runs one network, and these folders hold several: {names}. Name one."
            )
        self.deadline = deadline
        self.locals = [self._ready(one, policy, report) for one in cuts]
        self.client = (
            None if server is None else Client(server, cuts, None if tls is None else Path(tls), token)
        )
        if self.client is None and not self.locals[-1].exits:
            raise SeesawError(
                "Without a server, a device answers by an exit of its own, and this part has none. Name a server, or cut behind "
                "an exit."
            )
        chosen = None if split is None else choose(SplitPolicy, split).plugin
        self.chooser = None if chosen is None else Chooser(chosen, self.locals, self.client)
        self._lock = threading.Lock()
        self._misses, self._asked_again = 0, -math.inf

    @property
    def manifest(self) -> Manifest:
        """Of the first cut: what the cuts of one network share."""
        return self.locals[0].shipped.manifest

    def _ready(self, cut: ShippedCut, policy: str | None, report: Callable[[str], object]) -> Local:
        report(f"Measuring {cut.name} before cut {cut.cut} ...")
        x = torch.zeros(1, *cut.manifest.shape, dtype=getattr(torch, cut.manifest.dtype))
        stretches: list[Fast] = []
        begun_with, seconds = x, 0.0
        for part in cut.stretches:
            if part.start == part.stop:
                continue  # the cut lies right behind an exit
            stretches.append(fast(part, begun_with))
            seconds += stretches[-1].seconds[stretches[-1].way.name]
            begun_with = stretches[-1](begun_with)[0]
        messages_of(cut.crossing, begun_with, cut.codec)  # the first call of a codec loads what it needs
        begun = time.perf_counter()
        messages_of(cut.crossing, begun_with, cut.codec)
        return Local(cut, stretches, self._policy(cut, policy), seconds + time.perf_counter() - begun)

    def _policy(self, cut: ShippedCut, spec: str | None) -> Callable[[Tensor], Tensor] | None:
        """The shipped policy's decision.

        Raises:
            SeesawError: it was not shipped, or its file is not the one that was packed.
        """
        there = cut.manifest.policies
        if spec == "none" or (spec is None and not there):
            return None
        spec = spec or next(iter(there))
        if spec not in there or cut.manifest.states is None:
            names = ", ".join(f"'{one}'" for one in there) or "none"
            raise SeesawError(f"{cut.folder / MANIFEST} has no point of {spec!r}. Choose from: {names}.")
        announced(spec)
        read_same(cut.folder / STATES, cut.manifest.states, MAX_STATES)
        states = load_states(cut.folder / STATES).get(spec)
        if not states:
            raise SeesawError(f"{cut.folder / STATES} holds no point of {spec!r}. Pack it again.")
        return leaves_now(choose(Policy, spec).plugin, states[0])

    def ask(self, x: Tensor) -> Answer:
        """The answer to one sample.

        Args:
            x: (*sample) or (1, *sample), as the network takes it: scaled.

        Raises:
            SeesawError: it is no such sample; or no answer came in time, and the device has no exit to answer by.
        """
        begun = time.perf_counter()
        x = self._sample(x)
        with self._lock:
            arm = len(self.locals) - 1 if self.client is None else 0
            if self.chooser is not None and self.client is not None:
                arm = self.chooser.choose()
            local = self.locals[min(arm, len(self.locals) - 1)]
            feature, passed, left = local.run(x)
            stays = left or self.client is None or arm == len(self.locals)
            stays = stays or (self.chooser is not None and bool(passed) and self.chooser.stays(arm, passed))
            message = (
                None if stays else messages_of(local.shipped.crossing, feature, local.shipped.codec)[0].frames
            )
            computed = time.perf_counter() - begun
        if message is None:
            return self._by_itself(local, passed, "exit", begun, computed, arm)
        return self._from_server(local, passed, message, begun, computed, arm)

    async def ask_async(self, x: Tensor) -> Answer:
        """As `ask`, without holding up what else the program does."""
        return await asyncio.to_thread(self.ask, x)

    def _sample(self, x: Tensor) -> Tensor:
        shape = self.manifest.shape
        x = x[None] if tuple(x.shape) == shape else x
        if tuple(x.shape) != (1, *shape):
            raise SeesawError(f"A sample of shape {tuple(x.shape)} does not fit {shape}. Give one sample.")
        return x

    def _by_itself(
        self,
        local: Local,
        passed: list[Tensor],
        place: Place,
        begun: float,
        computed: float,
        arm: int,
        sent: int = 0,
    ) -> Answer:
        if not passed:
            raise SeesawError(
                "No answer came in time, and no exit lies on the device to answer by. Allow more time, or cut behind an exit."
            )
        logits = passed[-1][0].float().cpu()
        made = Answer(
            int(logits.argmax()), logits, place, len(passed) - 1, local.shipped.cut, time.perf_counter() - begun, computed,
            bytes=sent,
        )  # fmt: skip
        self._learn(arm, made, passed, None)
        return made

    def _from_server(
        self, local: Local, passed: list[Tensor], message: bytes, begun: float, computed: float, arm: int
    ) -> Answer:
        """The server's answer, or the device's own where none comes in time."""
        assert self.client is not None
        left = self.deadline - (time.perf_counter() - begun)
        if passed and not self._worth_asking():
            return self._by_itself(local, passed, "fallback", begun, computed, arm)
        try:
            got = self.client.ask(local.shipped, message, max(left, 1e-3))
        except Unanswered as error:
            with self._lock:
                self._misses += 1 if error.may_come_back else 0
                self._asked_again = time.monotonic()
            if not error.may_come_back and not passed:
                raise
            return self._by_itself(local, passed, "fallback", begun, computed, arm, len(message))
        with self._lock:
            self._misses = 0
        assert got.logits is not None
        made = Answer(
            int(got.logits.argmax()), got.logits, "server", None, local.shipped.cut, time.perf_counter() - begun, computed,
            got.waited + got.computed, len(message),
        )  # fmt: skip
        self._learn(arm, made, passed, self.client.trip)
        return made

    def _worth_asking(self) -> bool:
        """Whether to wait for the server: not for a while after it did not answer several times in a row."""
        with self._lock:
            if self._misses < MISSES:
                return True
            now = time.monotonic()
            if now - self._asked_again < AGAIN:
                return False
            self._asked_again = now  # one sample tries; others meanwhile do not
            return True

    def _learn(self, arm: int, made: Answer, passed: list[Tensor], trip: float | None) -> None:
        if self.chooser is not None:
            with self._lock:
                self.chooser.learn(
                    Happened(arm, made.place, made.seconds, made.device, made.server, made.bytes, trip),
                    passed,
                    made.logits,
                )

    def close(self) -> None:
        """Close the connection."""
        if self.client is not None:
            self.client.close()

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
