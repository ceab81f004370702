"""What bad requests do to `seesaw serve`, and what devices are told that may not connect to it.

    python benchmarks/strangers.py [--requests 10000] > benchmarks/strangers.md

Client and server are two processes of one machine. 10,000 bad requests take minutes.
"""

import argparse
import itertools
import random
import socket
import time
from collections import Counter, deque
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
from rich.markup import escape
from rich.table import Table
from servers import CLASSES, begin, cut_of, questions_of, served, table_of, tell

from bench import SeesawError
from bench.shipping.serving.certs import write_certs
from bench.shipping.serving.client import Client
from bench.shipping.serving.wire import ASK, question, read_answer

TOKEN, DRIPS = "secret", 64


def memory(process: int) -> float:
    """Bytes of a process that are in memory."""
    line = next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if "VmRSS" in line)
    return float(line.split()[1]) * 1024


def bad(rng: random.Random, right: bytes) -> bytes:
    """A question that is wrong in one of several ways."""
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 4000))
    if kind == 1:
        return right[: rng.randrange(len(right))]
    if kind == 2:
        return right + bytes(1 << 20)  # too large
    if kind == 3:
        return question(1, ("stranger", 1), rng.randbytes(100))
    at = rng.randrange(100, len(right))
    return right[:at] + bytes([right[at] ^ 255]) + right[at + 1 :]


class Drips:
    """Connections that send the beginning of HTTP/2 letter by letter, and those that the server has closed."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address, self._open, self.closed = (host, int(port)), deque[socket.socket](), 0

    def step(self) -> None:
        """Open one, where fewer than `DRIPS` are open, and send a letter on the one that waited longest."""
        if len(self._open) < DRIPS:
            self._open.append(socket.create_connection(self._address))
        self._hear(b"P")

    def end(self, patience: float) -> int:
        """Wait until the server has closed the last one, or so many seconds; how many it has left open."""
        until = time.monotonic() + patience
        while self._open and time.monotonic() < until:
            before = self.closed
            for _ in range(len(self._open)):
                self._hear()
            if self.closed == before:
                time.sleep(0.1)
        left = len(self._open)
        for one in self._open:
            one.close()
        return left

    def _hear(self, letter: bytes = b"") -> None:
        """Send a letter, if any, on the connection that waited longest, and keep it where the server has not closed it."""
        one = self._open.popleft()
        try:
            one.setblocking(False)
            if letter:
                one.send(letter)
            if one.recv(1024) == b"":
                raise ConnectionError
            self._open.append(one)
        except BlockingIOError:
            self._open.append(one)
        except OSError:
            one.close()
            self.closed += 1


def attacked(count: int) -> Table:
    """What becomes of a server that is asked wrongly so many times."""
    rng, right, ends = random.Random(0), next(questions_of("trivial")), Counter[str]()
    allowed = (("authorization", f"Bearer {TOKEN}"),)
    with served("trivial", token=TOKEN) as (address, process), grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(ASK)
        for one in itertools.islice(questions_of("trivial"), 100):
            ask(one, metadata=allowed)
        before, middle, drips = memory(process), 0.0, Drips(address)
        host, _, port = address.rpartition(":")
        for number in range(count):
            if number == count // 2:
                middle = memory(process)
            if number % 20 == 0:  # no gRPC at all
                with socket.create_connection((host, int(port))) as one:
                    one.sendall(rng.randbytes(300))
                ends["random bytes, connection closed"] += 1
            elif number % 20 == 1:
                drips.step()
            else:
                metadata = (
                    rng.choice([None, (("authorization", "Bearer wrong"),)]) if number % 20 == 2 else allowed
                )
                try:
                    ask(right if number % 20 == 2 else bad(rng, right), timeout=10, metadata=metadata)
                    ends["answered"] += 1
                except grpc.RpcError as error:
                    ends[error.code().name] += 1
        left = drips.end(30.0)
        ends["letter by letter, connection closed by the server"] = drips.closed
        ends["letter by letter, left open"] = left
        after = memory(process)
        assert not read_answer(ask(right, timeout=10, metadata=allowed), CLASSES).refused
    table = table_of("what", "count")
    for end, number in ends.most_common():
        table.add_row(end, f"{number:,}")
    for name, value in (("before", before), ("after half", middle), ("after all", after)):
        table.add_row(f"server's memory {name}", f"{value / 2**20:.1f} MiB")
    return table


def strangers() -> Table:
    """The sentences that a device without the right certificate, or with parts of another network, ends with."""
    table = table_of("device", "sentence")
    cut = cut_of("trivial")
    other = cut_of("trivial")
    other = replace(other, manifest=other.manifest.model_copy(update={"record": "another"}))
    with TemporaryDirectory() as top:
        for name, days in (("own", 1), ("foreign", 1), ("expired", 0)):
            write_certs(Path(top) / name, ["localhost"], days)
        cases = {
            "with the right certificate": (cut, "own"), "without a certificate": (cut, None), "with one of another authority": (cut, "foreign"),
            "with one whose time is over": (cut, "expired"), "with parts of another version": (other, "own"),
        }  # fmt: skip
        with served("trivial", tls=Path(top) / "own") as (address, _):
            for name, (one, folder) in cases.items():
                try:
                    Client(address, [one], None if folder is None else Path(top) / folder).close()
                    sentence = "(connected)"
                except SeesawError as error:
                    sentence = str(error).replace(top, "certs").replace(address, "localhost:8443")
                table.add_row(name, escape(sentence))
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=10_000, help="bad ones")
    asked = parser.parse_args()
    begin("strangers.py")
    tell(
        "Bad requests",
        f"{asked.requests:,} requests to a server that wants a token: random bytes in a call, questions that are cut short, too large, of a "
        "stranger's network or damaged, without the token or with a wrong one; and connections that speak no gRPC, or send one letter now and "
        "then. Then a right one is answered.",
        attacked(asked.requests),
    )
    tell("Strangers", "What a device prints that may not connect, or does not fit.", strangers())


if __name__ == "__main__":
    main()
