"""Prediction against reality: what a channel's arithmetic says of a request's time, beside device, link and server as processes.

    seesaw pack resnet_sparse --task digits --cut 3 --out shipped/cut3; seesaw pack resnet_sparse --task digits --cut 6 --out shipped/cut6
    python benchmarks/real.py shipped/cut3 shipped/cut6 --out benchmarks/real.md

Each folder is served by `seesaw serve` in a process of its own, behind `seesaw link` in another; this process is the device. For
every folder and channel, samples are asked one after the other with no exit taken. Predicted is, request by request: the device's
part and encoder as they were measured at the start, the message over the link, the server's part as it was measured at its start,
the answer back. The message and the answer take what gRPC, HTTP/2 and TCP's own stream add to them (`UP`, `DOWN`, counted once on
a link). The goal: the median within 15%, the 95th percentile within 25%.
"""

import argparse
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from bench import Channel, Device, choose
from bench.boards.units import seconds
from bench.machine import processor
from bench.measuring.link import Shaper
from bench.replay.deploy.link import directions

UP, DOWN = 90, 95
"""Bytes around a message, and around the logits of an answer, on a connection that is warm."""
CHANNELS = (
    "constant[up=1,down=5,rtt=20]", "constant[up=5,down=20,rtt=40]", "constant[up=20,down=50,rtt=10]", "recording[file=norway-tram]",
    "lte",
)  # fmt: skip
GOALS = 0.15, 0.25


class Row(NamedTuple):
    """One folder over one channel: seconds, predicted and measured, (requests,) each."""

    name: str
    channel: str
    predicted: np.ndarray
    measured: np.ndarray

    def over(self, share: int) -> float:
        """Measured over predicted at a percentile."""
        return float(np.percentile(self.measured, share) / np.percentile(self.predicted, share))


@contextmanager
def process(*arguments: object):
    """A command of seesaw, and the address at which it says that it listens."""
    command = [sys.executable, "-m", "bench", *map(str, arguments)]
    one = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = ""
        assert one.stdout is not None
        while "Listening at" not in said:
            line = one.stdout.readline()
            if not line:
                raise SystemExit(f"{' '.join(command)} ended: {said}")
            said += line
        yield re.search(r"Listening at (\S+:\d+)", said)[1]  # type: ignore[index]
    finally:
        one.send_signal(signal.SIGTERM)
        one.wait(20)


def asked(folder: Path, address: str, channel: str, requests: int) -> Row:
    """Ask, and predict the same."""
    torch.set_num_threads(1)
    with Device(folder, address, policy="none", deadline=30.0) as device:
        local, client = device.locals[0], device.client
        assert client is not None
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(requests, *device.manifest.shape, generator=generator)
        for x in inputs[:10]:
            device.ask(x)
        begun = time.monotonic()
        moments, answers = [], []
        for x in inputs:
            moments.append(time.monotonic() - begun)
            answers.append(device.ask(x))
            time.sleep(0.005)
        server, classes = client.seconds[local.shipped.cut], device.manifest.classes
    up, down = (Shaper(one) for one in directions(choose(Channel, channel).plugin.conditions(3600, 0)))
    begins = 0.0
    predicted = []
    for moment, one in zip(moments, answers, strict=True):
        sent = moment + local.seconds
        there = up.release(max(sent, begins), one.bytes + UP)
        back = down.release(there + server, 4 * classes + DOWN)
        predicted.append(back - moment)
        begins = sent
    name = (
        f"{device.manifest.backbone}_{device.manifest.method}, cut {local.shipped.cut}, {local.shipped.spec}"
    )
    return Row(name, channel, np.array(predicted), np.array([one.seconds for one in answers]))


def table(rows: list[Row]) -> str:
    """Markdown."""
    head = "| network, cut, codec | channel | predicted median | measured | ratio | predicted 95% | measured | ratio | within |"
    lines = [head, "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        cells = [row.name, f"`{row.channel}`"]
        for share in (50, 95):
            cells += [seconds(float(np.percentile(one, share))) for one in (row.predicted, row.measured)]
            cells.append(f"{row.over(share):.2f}")
        holds = [abs(row.over(share) - 1) <= goal for share, goal in zip((50, 95), GOALS, strict=True)]
        cells.append("both" if all(holds) else "median" if holds[0] else "95%" if holds[1] else "none")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--channels", nargs="+", default=list(CHANNELS))
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = []
    for folder in given.folders:
        with process("serve", folder, "--listen", "127.0.0.1:0") as server:
            for channel in given.channels:
                with process("link", "--to", server, "--listen", "127.0.0.1:0", "--channel", channel) as link:
                    rows.append(asked(folder, link, channel, given.requests))
                print(table(rows[-1:]).splitlines()[-1], flush=True)
    good = sum(table([row]).endswith("| both |") for row in rows)
    text = (
        f"# Prediction against reality\n\n`python benchmarks/real.py` with {given.requests} requests each, on one {processor()}, "
        f"device, link and server in three processes. Within 15% of the median and 25% of the 95th percentile: {good} of "
        f"{len(rows)}.\n\n{table(rows)}\n"
    )
    print(text)
    if given.out:
        given.out.write_text(text)


if __name__ == "__main__":
    main()
