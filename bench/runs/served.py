"""What a real deployment needs beside the device: a packed network behind a server, and a link to it, each in a process of its own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from bench.errors import SeesawError
from bench.kinds.split import SplitPolicy
from bench.kinds.task import Data
from bench.measuring.netem import Namespace, netem, why_no_netem
from bench.measuring.real import listening
from bench.plugins.plugin import choose
from bench.records.record import Record
from bench.records.store import Store
from bench.replay.deploy.deployment import SPARE, Deployment
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.ship import CHECKED, shipment_of

AS_PICTURE = {"image8": "picture[format=values]", "jpeg": "picture[quality=90]"}
"""The codecs of images that every run measures at cut 0, and the plugin that gives the same bytes."""
Laid = Literal["proxy", "netem"]


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
    def packed_codec(self) -> str:
        """The spec by which the codec is packed: what every run measures at cut 0 has a name that is no plugin's."""
        return AS_PICTURE.get(self.codec, self.codec) if self.cut == 0 else self.codec

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
        if choice.name != "fixed" or not settings["codec"]:
            raise SeesawError(
                f"A real deployment cuts every request at one place, by one codec, and {spec!r} does not. Give --policy "
                "'fixed[cut=2,codec=float32]'; at cut 0, where the image is sent, 'fixed[cut=0,codec=image8]'."
            )
        return cls(settings["cut"], settings["codec"], settings["threshold"])


@dataclass(frozen=True)
class Served:
    """A network that was packed at a cut, behind a server.

    Attributes:
        way: at which it was packed.
        folder: of both parts.
        address: of the server.
        data: the task's splits.
        process: the number of the server's.
        token: that it wants; None for none.
    """

    way: Way
    folder: Path
    address: str
    data: Data
    process: int
    token: str | None = None


@contextmanager
def served(
    run: Record,
    store: Store,
    policy: str,
    report: Callable[[str], object] = lambda line: None,
    far: Namespace | None = None,
) -> Iterator[Served]:
    """Pack a trained network as a fixed policy cuts it, and serve it in a process of its own.

    Args:
        run: record of the network.
        store: that its run and weights lie in.
        policy: spec of a fixed split policy.
        report: called with a line of text before each step.
        far: the network namespace in which it runs, beyond a link that the kernel lays; None for this one.

    Raises:
        SeesawError: the policy is no fixed cut, the network was not trained here, or the server does not begin.
    """
    way = Way.of(policy)
    resolved = ResolvedRun.of(RunRequest.of(run, records=store.records, runs=store.runs))
    data, taken = resolved.splits(), resolved.about.sample.shape
    if way.cut == 0 and tuple(data.test.inputs.shape[1:]) != taken:
        raise SeesawError(
            f"The run has measured images of {tuple(data.test.inputs.shape[1:])}, and a device sends {taken}, which the network takes. Give "
            "a policy with a cut behind the first stage."
        )
    with TemporaryDirectory(prefix="seesaw-real-") as top:
        folder = Path(top) / "shipped"
        report("Packing both parts ...")
        shipment_of(resolved, folder, samples=CHECKED, cut=way.cut, codec=way.packed_codec).pack()
        report("Starting the server ...")
        words = ("serve", str(folder), "--batch", "1", "--listen")
        if far is None:
            with listening(*words, "127.0.0.1:0") as server:
                yield Served(way, folder, server.address, data, server.process.pid)
            return
        word = Path(top) / "token"
        word.write_text(secrets.token_hex(16), encoding="utf-8")
        access = ("--token", str(word), "--clear-text")  # two ends of one machine's link
        with listening(*words, f"{far.address}:0", *access, enter=far.enter) as server:
            yield Served(
                way, folder, server.address, data, server.process.pid, word.read_text(encoding="utf-8")
            )


class Link(NamedTuple):
    """What the device asks through: an address, the moment at which the channel's table begins, and the process that lays it."""

    address: str
    started: float
    process: int


@contextmanager
def link_to(deployment: Deployment, server: Served, report: Callable[[str], object]) -> Iterator[Link]:
    """A link by a deployment's channel's table, in a process of its own; where the kernel lays it already, the server's own address."""
    if server.token is not None:
        yield Link(server.address, time.monotonic(), server.process)
        return
    report("Starting the link ...")
    c = deployment.circumstances
    with listening(
        "link", "--to", server.address, "--listen", "127.0.0.1:0", "--channel", deployment.channel.spec, "--seed", str(c.order_seed),
        "--seconds", f"{c.seconds + SPARE:g}",
    ) as link:  # fmt: skip
        yield Link(link.address, link.started, link.process.pid)


@contextmanager
def laid_by(laid: Laid, deployment: Deployment) -> Iterator[Namespace | None]:
    """Where the server of a deployment runs: beyond a link that the kernel lays for as long as the block lasts, or here.

    Raises:
        SeesawError: the channel is none that the kernel lays, or it lays none here.
    """
    if laid == "proxy":
        yield None
        return
    if (reason := why_no_netem()) is not None:
        raise SeesawError(f"{reason} Leave --laid netem out: `seesaw link` lays every channel.")
    c = deployment.circumstances
    with netem(deployment.channel.plugin.conditions(c.seconds + SPARE, c.order_seed)) as far:
        yield far
