"""A device that asks for a long time, while its link is cut again and again and its server is killed and started anew.

    python benchmarks/soak.py SHIPPED --seconds 180
    python benchmarks/soak.py SHIPPED --requests 100000 --rate 1000 --channel 'constant[up=100,rtt=0]'

SHIPPED is a folder of `seesaw pack --cut K` with an exit on the device. The link carries nothing for `--cut-for` of every `--cut-every`
seconds; halfway the server is killed (SIGKILL), and started again at the same port after `--away` seconds. Every sample must be answered
once, the server asked again within 3 s of its return, and the memory of both sides flat.
"""

import argparse
import math
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import NamedTuple

import torch

from bench.boards.units import in_bytes, seconds
from bench.machine import processor, settle
from bench.measuring.real import Listening, listening
from bench.shipping.serving.device import Device

BACK = 3.0
"""Seconds in which a device must be back at a server that is back."""
LESS = 0.02
"""Of the server's share, which may be lost after an outage."""
GROWTH = 1.2
"""Times the memory after a quarter of the time that the memory may be at last."""
WARM = 5


class Answered(NamedTuple):
    """One sample: its number, the moment of its answer (`time.monotonic`), and where it was answered."""

    number: int
    moment: float
    place: str


class Soaked(NamedTuple):
    """What was seen.

    Attributes:
        asked: samples.
        answers: in the order in which they came.
        outages: from which moment to which the link carried nothing or the server was gone, in order, apart from each other.
        begun: the moment of the first sample.
        memory: bytes of the device's and the server's process, after a quarter of the time, and at the end or before the kill.
    """

    asked: int
    answers: list[Answered]
    outages: list[tuple[float, float]]
    begun: float
    memory: dict[str, tuple[int, int]]

    def waits(self) -> list[float]:
        """Seconds from the end of each outage to the next answer of the server."""
        own = [one.moment for one in self.answers if one.place == "server"]
        return [
            next((moment - back for moment in own if moment >= back), math.inf) for _, back in self.outages
        ]

    def shares(self) -> list[float]:
        """The server's share of answers: before the first outage, and from `BACK` seconds after each one until the next."""
        ends = [begin for begin, _ in self.outages] + [math.inf]
        begins = [self.begun, *(end + BACK for _, end in self.outages)]
        found = []
        for begin, end in zip(begins, ends, strict=True):
            here = [one.place == "server" for one in self.answers if begin <= one.moment < end]
            found.append(sum(here) / len(here) if here else math.nan)
        return found

    def faults(self) -> list[str]:
        """A sentence for each promise that was not kept."""
        counts = Counter(one.number for one in self.answers)
        found = []
        if set(counts) != set(range(self.asked)):
            found.append(f"{self.asked - len(counts)} samples were not answered.")
        if any(count > 1 for count in counts.values()):
            found.append(f"{sum(count > 1 for count in counts.values())} samples were answered twice.")
        former, *later = self.shares()
        found += [
            f"The server's share was {former:.1%}, and is {one:.1%}." for one in later if one < former - LESS
        ]
        found += [
            f"The server was asked again only {one:.1f} s after its return."
            for one in self.waits()
            if one > BACK
        ]
        for side, (early, late) in self.memory.items():
            if late > GROWTH * early:
                found.append(f"The {side}'s memory grew from {in_bytes(early)} to {in_bytes(late)}.")
        return found


def resident(process: int) -> int:
    """Bytes of a process that are in memory (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def soak(
    shipped: Path,
    span: float,
    requests: int | None,
    every: float,
    lasting: float,
    away: float,
    rate: float,
    deadline: float,
    channel: str,
) -> Soaked:
    """Ask for `span` seconds, or so many times.

    Args:
        shipped: folder of both parts.
        span: seconds; with `requests`, those that the link's table is made for, whose end it must not reach.
        requests: samples; None for as many as come in that time.
        every: seconds of a period of the link.
        lasting: of them, without any byte.
        away: seconds for which the server is gone, from halfway on.
        rate: samples a second, at most: the next one waits for the answer before.
        deadline: seconds for an answer.
        channel: spec of the link.
    """
    answers: list[Answered] = []
    early: dict[str, int] = {}
    late: dict[str, int] = {}
    killed, starting, again, back = math.inf, None, None, None
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        server = stack.enter_context(_server(shipped, "127.0.0.1:0"))
        table = [
            "--channel",
            channel,
            "--seconds",
            f"{span + 600:g}",
            "--cut-every",
            f"{every:g}",
            "--cut-for",
            f"{lasting:g}",
        ]
        link = stack.enter_context(
            listening("link", "--to", server.address, "--listen", "127.0.0.1:0", *table)
        )
        device = stack.enter_context(Device(shipped, link.address, policy="none", deadline=deadline))
        x = torch.rand(1, *device.manifest.shape)
        for _ in range(WARM):
            device.ask(x)
        begin = time.monotonic()

        def done(now: float) -> float:
            return (now - begin) / span if requests is None else len(answers) / requests

        while done(now := time.monotonic()) < 1 or back is None or now < back + 2 * BACK:
            if not early and done(now) >= 1 / 4:
                early = {"device": resident(os.getpid()), "server": resident(server.process.pid)}
            if killed == math.inf and done(now) >= 1 / 2:
                late["server"] = resident(server.process.pid)
                server.process.kill()
                server.process.wait()
                killed = now
            if starting is None and now >= killed + away:
                again = _server(shipped, server.address)
                starting = pool.submit(again.__enter__)  # the device goes on asking meanwhile
            if back is None and again is not None and starting is not None and starting.done():
                back = starting.result().started
                stack.push(again)
            answer = device.ask(x)
            answers.append(Answered(len(answers), time.monotonic(), answer.place))
            if (left := begin + len(answers) / rate - time.monotonic()) > 0:
                time.sleep(min(left, 1 / rate))
        ended = time.monotonic()
        late["device"] = resident(os.getpid())
    periods = range(int((begin - link.started) // every), int((ended - link.started) // every) + 1)
    cuts = [(link.started + every * (one + 1) - lasting, link.started + every * (one + 1)) for one in periods]
    outages = [one for one in _apart([*cuts, (killed, back)]) if one[0] > begin and one[1] < ended - BACK]
    return Soaked(len(answers), answers, outages, begin, {side: (early[side], late[side]) for side in early})


def _apart(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans in order; those that meet, or leave less than `BACK` seconds between, are one."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1] + BACK:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def _server(shipped: Path, address: str) -> AbstractContextManager[Listening]:
    return listening("serve", str(shipped), "--listen", address)


def lines(found: Soaked, about: Sequence[str]) -> list[str]:
    """The Markdown of what was seen."""
    places = Counter(one.place for one in found.answers)
    shares = ", ".join(f"{count:,} by {place}" for place, count in places.most_common())
    waits = found.waits()
    text = [
        *about,
        "",
        f"* Samples: {found.asked:,} asked, {len({one.number for one in found.answers}):,} answered ({shares}), "
        f"{len(found.answers) - len({one.number for one in found.answers})} twice.",
        f"* Outages of the link or the server: {len(waits)}, of {', '.join(seconds(end - begin) for begin, end in found.outages)}; the "
        f"server's next answer came after {', '.join(seconds(one) for one in waits)}.",
        f"* The server's share of answers: {', then '.join(f'{one:.1%}' for one in found.shares())}: before the first outage, and from "
        f"{BACK:g} s after each.",
    ]
    for side, (early, late) in found.memory.items():
        text.append(
            f"* Memory of the {side}: {in_bytes(early)} after a quarter of the time, {in_bytes(late)} "
            + ("before it was killed." if side == "server" else "at the end.")
        )
    return [*text, *(f"* Not kept: {one}" for one in found.faults())]


def main() -> None:
    """Ask, print, and end with 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shipped", type=Path)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--requests", type=int, help="ask so often, however long it takes (an hour at most)")
    parser.add_argument("--cut-every", type=float, default=60.0)
    parser.add_argument("--cut-for", type=float, default=10.0)
    parser.add_argument("--away", type=float, default=5.0, help="seconds for which the server is gone")
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--deadline", type=float, default=0.5)
    parser.add_argument("--channel", default="constant[up=5,rtt=20]")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    settle(1, deterministic=False)
    span = asked.seconds if asked.requests is None else 3600.0
    amount = f"--seconds {asked.seconds:g}" if asked.requests is None else f"--requests {asked.requests}"
    about = [
        f"# A device that goes on asking, on {processor()}",
        "",
        f"`benchmarks/soak.py {amount} --cut-every {asked.cut_every:g} --cut-for {asked.cut_for:g} --away {asked.away:g}`: "
        f"{asked.rate:g} samples a second at most, deadline {asked.deadline:g} s, link {asked.channel}.",
    ]
    found = soak(
        asked.shipped, span, asked.requests, asked.cut_every, asked.cut_for, asked.away, asked.rate, asked.deadline, asked.channel
    )  # fmt: skip
    text = "\n".join(lines(found, about))
    print(text)
    if asked.out is not None:
        asked.out.write_text(text + "\n", encoding="utf-8")
    raise SystemExit(bool(found.faults()))


if __name__ == "__main__":
    main()
