"""Servers in processes of their own, and questions to them, for `serving.py` and `strangers.py`: `seesaw serve`'s, and one of bare gRPC."""

import asyncio
import itertools
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import grpc
import torch
from rich import box
from rich.console import Console
from rich.table import Table

from bench import Backbone, Codec, choose
from bench.kinds.sending import messages_of
from bench.machine import processor, settle
from bench.network.crossing import Crossing
from bench.network.net import Net, Part, Sample
from bench.shipping.manifest import Manifest
from bench.shipping.serving.batches import Batches, Limits
from bench.shipping.serving.cuts import ShippedCut
from bench.shipping.serving.security import Access, credentials_of_server
from bench.shipping.serving.served import ServedCut, compute
from bench.shipping.serving.server import LIMITS_OF_GRPC, Server
from bench.shipping.serving.wire import Answered, answer, description, question

CLASSES = 10
FEATURES = {"trivial": Crossing((25, 32, 32), 0, CLASSES), "large": Crossing((250, 32, 32), 0, CLASSES)}
"""What crosses to the trivial part, and to the same with a feature of 1,024,000 bytes."""
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
    settle(1, deterministic=False)  # as `seesaw serve` does; the bare server keeps freed memory alike
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


def begin(script: str) -> None:
    """Set this process up as `seesaw device` does, and print what is measured here, and by which script."""
    settle(1, deterministic=False)
    load = Path("/proc/loadavg").read_text().split()[0]
    print(f"# {date.today()}, {processor()}, torch {torch.__version__}, grpc {grpc.__version__}\n")
    print(f"By `python benchmarks/{script}`.", end=" ")
    print(f"{multiprocessing.cpu_count()} cores; load of the machine when it began: {load}.")


def table_of(*columns: str) -> Table:
    """An empty table that is printed as Markdown."""
    return Table(*columns, box=box.MARKDOWN)


def tell(title: str, text: str, table: Table) -> None:
    """Print a section as Markdown."""
    console = Console(width=200)
    with console.capture() as told:
        console.print(table)
    print(f"\n## {title}\n\n{text}\n" + "\n".join(line.rstrip() for line in told.get().splitlines()))
