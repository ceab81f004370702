"""What `seesaw serve` costs beside bare gRPC calls of the same bytes, what batches gain, and what bad requests do to it.

    python benchmarks/serving.py [--questions 400] [--requests 10000] [--only bad] > benchmarks/serving.md

Client and server are two processes of one machine, the bare server too: it takes the same bytes by the same library (grpc.aio) and
answers with as many. A question holds a feature of 25 x 32 x 32 float32 (102,400 bytes) where no other is named. The trivial part
gives its first numbers; real parts are untrained networks behind their first stage, by PyTorch alone. All with one thread of PyTorch.
"""

import argparse
import asyncio
import itertools
import math
import multiprocessing
import queue
import random
import socket
import statistics
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import torch
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import Backbone, Codec, SeesawError, choose
from bench.kinds.sending import messages_of
from bench.machine import keep_memory, processor, settle
from bench.network.crossing import Crossing
from bench.network.net import Net, Part, Sample
from bench.shipping.manifest import Manifest
from bench.shipping.serving.batches import Batches, Limits
from bench.shipping.serving.certs import write_certs
from bench.shipping.serving.client import Client
from bench.shipping.serving.cuts import ShippedCut
from bench.shipping.serving.security import Access, credentials_of_server
from bench.shipping.serving.served import ServedCut, compute
from bench.shipping.serving.server import LIMITS_OF_GRPC, Server
from bench.shipping.serving.wire import (
    ASK,
    STREAM,
    Answered,
    answer,
    description,
    question,
    read_answer,
)

CLASSES, CLIENTS, MANY = 10, 8, 64
TOKEN, DRIPS = "secret", 64
FEATURES = {"trivial": Crossing((25, 32, 32), 0, CLASSES), "large": Crossing((250, 32, 32), 0, CLASSES)}
"""What crosses to the trivial part, and to the same with a feature of 1,024,000 bytes."""
PARTS = "resnet[depth=8]", "mobilenet"
IMAGE = Sample((3, 32, 32))
BARE = "/bare.Bare/Ask", "/bare.Bare/Stream"


class Trivial:
    """A part that gives the first numbers of its input, and computes nothing."""

    def __call__(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Logits, (N, classes)."""
        return [x.flatten(1)[:, :CLASSES]]


def part_of(spec: str) -> tuple[Part, Crossing]:
    """An untrained network behind its first stage, and what crosses there."""
    torch.manual_seed(0)
    backbone = choose(Backbone, spec).plugin
    stages, own = backbone.parts(IMAGE, CLASSES)
    net, last = Net(stages, IMAGE, CLASSES), len(stages) - 1
    net.hang(last, own if own is not None else backbone.head(net.shape(last), CLASSES))
    return net.eval().cut(1)[1], net.crossing(1)


def cut_of(name: str) -> ShippedCut:
    """A part as it would be opened from a folder."""
    part, crossing = (Trivial(), FEATURES[name]) if name in FEATURES else part_of(name)
    manifest = Manifest.model_construct(record="benchmark", cut=1, codec=None, backbone=name, method="dense")
    return ShippedCut(Path(name), manifest, part, [], choose(Codec, "float32").plugin, crossing)


def questions_of(name: str) -> Iterator[bytes]:
    """Questions about one random sample, without end."""
    cut = cut_of(name)
    x = torch.rand(1, *cut.crossing.shape, generator=torch.Generator().manual_seed(0))
    message = messages_of(cut.crossing, x, cut.codec)[0].frames
    return (question(number, cut.key, message) for number in itertools.count())


def run_server(
    name: str, limits: Limits, ready: multiprocessing.SimpleQueue, token: str | None, tls: Path | None
) -> None:
    """Serve until the process is ended; the port goes into the queue."""
    keep_memory()  # as `seesaw serve` does, the next lines too; the bare server profits alike
    settle(1, deterministic=False)
    torch.set_grad_enabled(False)

    async def bare() -> None:
        server = grpc.aio.server(options=(*LIMITS_OF_GRPC, ("grpc.max_receive_message_length", 1 << 21)))
        reply = answer(Answered(1, torch.zeros(CLASSES), 1e-3, 1e-3, 1))

        async def ask(data: bytes, context: grpc.aio.ServicerContext) -> bytes:
            return reply

        async def stream(data, context: grpc.aio.ServicerContext):
            async for _ in data:
                yield reply

        handlers = {
            "Ask": grpc.unary_unary_rpc_method_handler(ask),
            "Stream": grpc.stream_stream_rpc_method_handler(stream),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare.Bare", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        ready.put(port)
        await server.wait_for_termination()

    async def seesaw() -> None:
        server, cut = Server([], limits), cut_of(name)
        ways = Trivial() if name in FEATURES else cut.part.run
        batches = Batches(compute(cut, ways), limits, server._executor, server.metrics.took)
        server.served[cut.key] = ServedCut(cut, ways, batches)
        server.description = description({cut.key: (cut, 1e-4)})
        access = Access(None if tls is None else credentials_of_server(tls), token)
        ready.put(await server.start("localhost:0" if tls is not None else "127.0.0.1:0", access))
        await server.wait()

    asyncio.run(bare() if name == "bare" else seesaw())


@contextmanager
def served(
    name: str, limits: Limits | None = None, token: str | None = None, tls: Path | None = None
) -> Iterator[tuple[str, int]]:
    """A server in a process of its own: its address, and the process's number."""
    context = multiprocessing.get_context("spawn")
    ready = context.SimpleQueue()
    process = context.Process(
        target=run_server, args=(name, limits or Limits(), ready, token, tls), daemon=True
    )
    process.start()
    try:
        yield f"{'127.0.0.1' if tls is None else 'localhost'}:{ready.get()}", process.pid or 0
    finally:
        process.terminate()
        process.join()


def alone(ask: Callable[[bytes], bytes], data: Iterator[bytes], count: int) -> list[float]:
    """Seconds of each question, one after the other."""
    times = []
    for one in itertools.islice(data, count):
        begun = time.perf_counter()
        ask(one)
        times.append(time.perf_counter() - begun)
    return times[count // 5 :]  # the first ones open the connection, and find caches cold


@contextmanager
def asking(channel: grpc.Channel, unary: str, stream: str, how: str) -> Iterator[Callable[[bytes], bytes]]:
    """A function that asks one question and waits for its answer."""
    if how == "Ask":
        yield channel.unary_unary(unary)
        return
    waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    answers = channel.stream_stream(stream)(iter(waiting.get, None))

    def ask(data: bytes) -> bytes:
        waiting.put(data)
        return next(answers)

    yield ask
    waiting.put(None)


def together(
    address: str, path: str, name: str, count: int, clients: int = CLIENTS
) -> tuple[float, list[float]]:
    """Questions a second of several clients, each with a connection that is open, and the seconds of each question."""
    data = list(itertools.islice(questions_of(name), count // clients))
    begins: list[float] = []
    barrier = threading.Barrier(clients, lambda: begins.append(time.perf_counter()))

    def client(_: int) -> list[float]:
        with grpc.insecure_channel(address, (("grpc.use_local_subchannel_pool", 1),)) as channel:
            ask, times = channel.unary_unary(path), []
            ask(data[0], timeout=60)
            barrier.wait(60)
            for one in data:
                begun = time.perf_counter()
                ask(one, timeout=60)
                times.append(time.perf_counter() - begun)
            return times

    with ThreadPoolExecutor(clients) as threads:
        times = [one for found in threads.map(client, range(clients)) for one in found]
    return len(times) / (time.perf_counter() - begins[0]), times


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
    table = Table("what", "count", box=box.MARKDOWN)
    for end, number in ends.most_common():
        table.add_row(end, f"{number:,}")
    for name, value in (("before", before), ("after half", middle), ("after all", after)):
        table.add_row(f"server's memory {name}", f"{value / 2**20:.1f} MiB")
    return table


def strangers() -> Table:
    """The sentences that a device without the right certificate, or with parts of another network, ends with."""
    table = Table("device", "sentence", box=box.MARKDOWN)
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


def many_clients(count: int) -> Table:
    """Questions of 64 clients at once: all are answered, and how long that takes."""
    table = Table("server", "clients", "questions", "questions/s", "median, ms", "p95, ms", box=box.MARKDOWN)
    for name, label, path in (("bare", "bare gRPC", BARE[0]), ("trivial", "seesaw, trivial part", ASK)):
        with served(name) as (address, _):
            rate, times = together(address, path, "trivial", count, MANY)
        table.add_row(
            label, str(MANY), f"{len(times):,}", f"{rate:,.0f}", milliseconds(statistics.median(times)), milliseconds(percentile(times, 95))
        )  # fmt: skip
    return table


def tell(title: str, text: str, table: Table) -> None:
    """Print a section as Markdown."""
    console = Console(width=200)
    with console.capture() as told:
        console.print(table)
    print(f"\n## {title}\n\n{text}\n" + "\n".join(line.rstrip() for line in told.get().splitlines()))


def milliseconds(seconds: float) -> str:
    """A time in ms."""
    return f"{seconds * 1e3:.2f}"


def percentile(times: list[float], percent: int) -> float:
    """Of a list of times."""
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


def one_client(count: int, rounds: int = 20) -> Table:
    """One question at a time, Seesaw and bare gRPC in turn."""
    table = Table(
        "call", "bytes", "bare, ms", "bare p95", "seesaw, ms", "seesaw p95", "ratio", box=box.MARKDOWN
    )
    for name, crossing in FEATURES.items():
        for how, times in both(name, count, rounds).items():
            b, s = (statistics.median(times[one]) for one in ("bare", "seesaw"))
            bp, sp = (percentile(times[one], 95) for one in ("bare", "seesaw"))
            size = f"{4 * math.prod(crossing.shape):,}"
            table.add_row(how, size, *map(milliseconds, (b, bp, s, sp)), f"{s / b:.2f} x")
    return table


def both(name: str, count: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of questions to bare gRPC and to Seesaw, by the kind of call."""
    found: dict[str, dict[str, list[float]]] = {}
    with (
        served("bare") as (bare, _), served(name) as (ours, _),
        grpc.insecure_channel(bare) as one, grpc.insecure_channel(ours) as other,
    ):  # fmt: skip
        for how in ("Ask", "Stream"):
            found[how] = {"bare": [], "seesaw": []}
            with asking(one, *BARE, how) as plain, asking(other, ASK, STREAM, how) as whole:
                for _ in range(rounds):
                    found[how]["bare"] += alone(plain, questions_of(name), count // rounds)
                    found[how]["seesaw"] += alone(whole, questions_of(name), count // rounds)
    return found


def several_clients(count: int, rounds: int = 3) -> Table:
    """Questions a second of eight clients, in turn."""
    table = Table("server", "questions/s", "of bare", box=box.MARKDOWN)
    rates: dict[str, list[float]] = {"bare": [], "trivial": []}
    with served("bare") as (bare, _), served("trivial") as (ours, _):
        for _ in range(rounds):
            rates["bare"].append(together(bare, BARE[0], "trivial", count)[0])
            rates["trivial"].append(together(ours, ASK, "trivial", count)[0])
    whole = statistics.median(rates["bare"])
    for name, label in (("bare", "bare gRPC"), ("trivial", "seesaw, trivial part")):
        rate = statistics.median(rates[name])
        table.add_row(label, f"{rate:,.0f}", f"{rate / whole:.0%}")
    return table


def gain_alone(name: str, size: int = 8, rounds: int = 25) -> float:
    """How many times faster a part computes a sample in a batch than alone, without any server, by this thread's processor time."""
    part, crossing = part_of(name)
    each = []
    with torch.no_grad():
        for samples in (1, size):
            x, times = torch.rand(samples, *crossing.joined), []
            for _ in range(rounds):
                begun = time.thread_time()
                part.run(x)
                times.append(time.thread_time() - begun)
            each.append(statistics.median(times) / samples)
    return each[0] / each[1]


def batched(count: int) -> Table:
    """What taking questions together gains for real parts."""
    table = Table("part", "crossing", "batch", "wait, ms", "questions/s", "gain", "the part alone", "p95, ms", box=box.MARKDOWN)  # fmt: skip
    for name in PARTS:
        alone = f"{gain_alone(name):.2f} x"
        first, shape = None, "x".join(map(str, cut_of(name).crossing.shape))
        for limits in (Limits(0.0, 1), Limits(0.0, 8), Limits(0.005, 8)):
            with served(name, limits) as (address, _):
                together(address, ASK, name, CLIENTS * 2)
                rate, times = together(address, ASK, name, count)
            first = first or rate
            table.add_row(
                escape(name), shape, str(limits.largest), f"{limits.wait * 1e3:g}", f"{rate:,.0f}", f"{rate / first:.2f} x",
                alone if limits.largest > 1 else "", milliseconds(percentile(times, 95)),
            )  # fmt: skip
    return table


SECTIONS: dict[str, tuple[str, str, Callable[[int], Table]]] = {
    "one": ("One client", "One question after the other, 20 rounds in turn; medians.", one_client),
    "eight": (
        f"{CLIENTS} clients",
        "The same feature; each client has a connection and asks one question after the other. Median of three rounds in turn.",
        several_clients,
    ),
    "many": (f"{MANY} clients", "The same, all at once; every question is answered.", many_clients),
    "batches": (
        "Batches", f"Real parts, {CLIENTS} clients; the gain is over batches of one, beside that of the part itself without a server. Wait is `--max-wait`.", batched,
    ),
    "bad": (
        "Bad requests",
        "{count:,} requests to a server that wants a token: random bytes in a call, questions that are cut short, too large, of a stranger's "
        "network or damaged, without the token or with a wrong one; and connections that speak no gRPC, or send one letter now and then. "
        "Then a right one is answered.",
        attacked,
    ),
    "strangers": ("Strangers", "What a device prints that may not connect, or does not fit.", lambda count: strangers()),
}  # fmt: skip
"""By the word for `--only`: the title, a text, and what makes the table from a number of questions."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=400, help="of each timing")
    parser.add_argument("--requests", type=int, default=10_000, help="bad ones")
    parser.add_argument("--only", choices=[*SECTIONS, "all"], default="all", help="one section alone")
    asked = parser.parse_args()
    keep_memory()  # as `seesaw device` does
    settle(1, deterministic=False)
    load = Path("/proc/loadavg").read_text().split()[0]
    print(f"# {date.today()}, {processor()}, torch {torch.__version__}, grpc {grpc.__version__}\n")
    print("By `python benchmarks/serving.py`.", end=" ")
    print(f"{multiprocessing.cpu_count()} cores; load of the machine when it began: {load}.")
    for name, (title, text, made) in SECTIONS.items():
        if asked.only in (name, "all"):
            count = asked.requests if name == "bad" else asked.questions
            tell(title, text.format(count=count), made(count))


if __name__ == "__main__":
    main()
