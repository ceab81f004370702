"""What `seesaw serve` costs beside bare gRPC calls of the same bytes, and what batches gain.

    python benchmarks/serving.py [--questions 400] [--only one] > benchmarks/serving.md

Client and server are two processes of one machine, the bare server too: it takes the same bytes by the same library (grpc.aio) and
answers with as many. A question holds a feature of 25 x 32 x 32 float32 (102,400 bytes) where no other is named. The trivial part
gives its first numbers; real parts are untrained networks behind their first stage, by PyTorch alone. All with one thread of PyTorch.
"""

import argparse
import itertools
import math
import queue
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import torch
from rich.markup import escape
from rich.table import Table
from servers import BARE, FEATURES, begin, cut_of, part_of, questions_of, served, table_of, tell

from bench.shipping.serving.batches import Limits
from bench.shipping.serving.wire import ASK, STREAM

CLIENTS, MANY = 8, 64
PARTS = "resnet[depth=8]", "mobilenet"


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


def many_clients(count: int) -> Table:
    """Questions of 64 clients at once: all are answered, and how long that takes."""
    table = table_of("server", "clients", "questions", "questions/s", "median, ms", "p95, ms")
    for name, label, path in (("bare", "bare gRPC", BARE[0]), ("trivial", "seesaw, trivial part", ASK)):
        with served(name) as (address, _):
            rate, times = together(address, path, "trivial", count, MANY)
        table.add_row(
            label, str(MANY), f"{len(times):,}", f"{rate:,.0f}", milliseconds(statistics.median(times)), milliseconds(percentile(times, 95))
        )  # fmt: skip
    return table


def milliseconds(seconds: float) -> str:
    """A time in ms."""
    return f"{seconds * 1e3:.2f}"


def percentile(times: list[float], percent: int) -> float:
    """Of a list of times."""
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


def one_client(count: int, rounds: int = 20) -> Table:
    """One question at a time, Seesaw and bare gRPC in turn."""
    table = table_of("call", "bytes", "bare, ms", "bare p95", "seesaw, ms", "seesaw p95", "ratio")
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
    table = table_of("server", "questions/s", "of bare")
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
    table = table_of("part", "crossing", "batch", "wait, ms", "questions/s", "gain", "the part alone", "p95, ms")  # fmt: skip
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
}  # fmt: skip
"""By the word for `--only`: the title, a text, and what makes the table from a number of questions."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=400, help="of each timing")
    parser.add_argument("--only", choices=[*SECTIONS, "all"], default="all", help="one section alone")
    asked = parser.parse_args()
    begin("serving.py")
    for name, (title, text, made) in SECTIONS.items():
        if asked.only in (name, "all"):
            tell(title, text, made(asked.questions))


if __name__ == "__main__":
    main()
