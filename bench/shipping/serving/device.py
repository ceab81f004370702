"""Device: the device's part of shipped cuts, which leaves at exits, asks a server for the rest, and answers without one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from torch import Tensor

from bench.errors import SeesawError
from bench.kinds.split import SplitPolicy
from bench.plugins.plugin import choose
from bench.shipping.manifest import Manifest
from bench.shipping.serving.chooser import Chooser, Happened
from bench.shipping.serving.client import Client, Unanswered
from bench.shipping.serving.cuts import ShippedCut, by_key, folders_of, open_cut
from bench.shipping.serving.local import Local
from bench.shipping.serving.reach import Reach

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
class Begun:
    """One sample on its way.

    Attributes:
        x: itself, (1, *sample).
        arm: that was chosen for it.
        local: the device's side of that cut.
        passed: the logits of the exits that it passed.
        begun: the moment of the question (`time.perf_counter`).
        computed: seconds on the device so far.
    """

    x: Tensor
    arm: int
    local: Local
    passed: list[Tensor]
    begun: float
    computed: float

    @property
    def seconds(self) -> float:
        """Since the question."""
        return time.perf_counter() - self.begun


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
        clear_text: whether the token may travel beyond this machine without TLS: inside a VPN.
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
        clear_text: bool = False,
        deadline: float = 1.0,
        policy: str | None = None,
        split: str | None = None,
        report: Callable[[str], object] = lambda line: None,
    ) -> None:
        cuts = _opened(places, report)
        self.deadline = deadline
        self.locals: list[Local] = []
        for one in cuts:
            report(f"Measuring {one.name} before cut {one.cut} ...")
            self.locals.append(Local.of(one, policy))
        self.client = (
            None
            if server is None
            else Client(server, cuts, None if tls is None else Path(tls), token, clear_text=clear_text)
        )
        if self.client is None and not self.locals[-1].exits:
            raise SeesawError(
                "Without a server, a device answers by an exit of its own, and this part has none. Name a server, or cut behind "
                "an exit."
            )
        chosen = None if split is None else choose(SplitPolicy, split).plugin
        self.chooser = None if chosen is None else Chooser(chosen, self.locals, self.client)
        self._lock, self._reach = threading.Lock(), Reach()

    @property
    def manifest(self) -> Manifest:
        """Of the first cut: what the cuts of one network share."""
        return self.locals[0].shipped.manifest

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
            arm = self._arm()
            local = self.locals[min(arm, len(self.locals) - 1)]
            feature, passed, left = local.run(x)
            stays = left or self.client is None or arm == len(self.locals)
            stays = stays or (self.chooser is not None and bool(passed) and self.chooser.stays(arm, passed))
            message = None if stays else local.message(feature)
            one = Begun(x, arm, local, passed, begun, time.perf_counter() - begun)
        return self._by_itself(one, "exit") if message is None else self._from_server(one, message)

    def _arm(self) -> int:
        """The number of the cut for the next sample; as many as there are for none."""
        if self.client is None:
            return len(self.locals) - 1
        return 0 if self.chooser is None else self.chooser.choose()

    async def ask_async(self, x: Tensor) -> Answer:
        """As `ask`, without holding up what else the program does."""
        return await asyncio.to_thread(self.ask, x)

    def _sample(self, x: Tensor) -> Tensor:
        shape = self.manifest.shape
        x = x[None] if tuple(x.shape) == shape else x
        if tuple(x.shape) != (1, *shape):
            raise SeesawError(f"A sample of shape {tuple(x.shape)} does not fit {shape}. Give one sample.")
        return x

    def _by_itself(self, one: Begun, place: Place, sent: int = 0) -> Answer:
        """The answer of the last exit that was passed; where none was, of the last one on the device.

        Raises:
            SeesawError: there is none.
        """
        if not one.passed and self.locals[-1].exits:
            with self._lock:
                own = time.perf_counter()
                passed = self.locals[-1].run(one.x)[1]
                one = replace(one, passed=passed, computed=one.computed + time.perf_counter() - own)
        if not one.passed:
            raise SeesawError(
                "No answer came in time, and no exit lies on the device to answer by. Allow more time, or cut behind an exit."
            )
        logits = one.passed[-1][0].float().cpu()
        made = Answer(
            int(logits.argmax()), logits, place, len(one.passed) - 1, one.local.shipped.cut, one.seconds, one.computed, bytes=sent
        )  # fmt: skip
        self._learn(one, made, None)
        return made

    def _from_server(self, one: Begun, message: bytes) -> Answer:
        """The server's answer, or the device's own where none comes in time."""
        assert self.client is not None
        can_answer = bool(one.passed) or self.locals[-1].exits > 0
        if can_answer and not self._reach.is_worth_asking():
            return self._by_itself(one, "fallback")
        left = self.deadline - one.seconds
        if not one.passed and can_answer:
            left -= self.locals[-1].seconds  # which its own answer would take
        if self.chooser is not None:
            with self._lock:
                self.chooser.sends()
        try:
            got = self.client.ask(one.local.shipped, message, max(left, 1e-3))
        except Unanswered as error:
            self._reach.missed(may_come_back=error.may_come_back)
            if not error.may_come_back and not can_answer:
                raise
            return self._by_itself(one, "fallback", len(message))
        self._reach.answered()
        assert got.logits is not None
        made = Answer(
            int(got.logits.argmax()), got.logits, "server", None, one.local.shipped.cut, one.seconds, one.computed,
            got.waited + got.computed, len(message),
        )  # fmt: skip
        self._learn(one, made, self.client.trip)
        return made

    def _learn(self, one: Begun, made: Answer, trip: float | None) -> None:
        if self.chooser is not None:
            happened = Happened(one.arm, made.place, made.seconds, made.device, made.server, made.bytes, trip)
            with self._lock:
                self.chooser.learn(happened, one.passed, made.logits)

    def close(self) -> None:
        """Close the connection."""
        if self.client is not None:
            self.client.close()

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _opened(places: Path | str | Sequence[Path | str], report: Callable[[str], object]) -> list[ShippedCut]:
    """The device's sides of the cuts of one network at some places, by rising cut.

    Raises:
        SeesawError: they hold none, or several networks.
    """
    several = [places] if isinstance(places, (str, Path)) else list(places)
    opened = []
    for folder in folders_of([Path(one) for one in several]):
        report(f"Opening {folder} ...")
        opened.append(open_cut(folder, "device"))
    cuts = sorted(by_key(opened).values(), key=lambda one: one.cut)
    if len({one.manifest.record for one in cuts}) > 1:
        names = ", ".join(sorted({one.name for one in cuts}))
        raise SeesawError(f"A device runs one network, and these folders hold several: {names}. Name one.")
    return cuts
