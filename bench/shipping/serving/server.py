"""Server: the server's parts of shipped cuts, behind gRPC, computed in batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from bench.errors import SeesawError, needing
from bench.shipping.serving.address import host_port
from bench.shipping.serving.batches import Batches, Late, Limits, Overloaded
from bench.shipping.serving.cuts import by_key, folders_of, open_cut
from bench.shipping.serving.questions import Asked, Questions, Refused
from bench.shipping.serving.served import ServedCut, Ways, compute
from bench.shipping.serving.wire import AROUND, SERVICE, Answered, answer, description

with needing("serve", "Serving over a network needs"):
    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection

    from bench.shipping.serving import seesaw_pb2
    from bench.shipping.serving.metrics import Metrics
    from bench.shipping.serving.security import Access, Tokens

OPEN = Access()
"""Anyone of this machine."""

CALLS = 1024
"""Calls at once, of all connections; further ones are refused."""
STREAMS = 64
"""Calls at once on one connection."""
UNANSWERED = 64
"""Questions of one stream that are computed or wait, at most; it is read no further meanwhile."""
LIMITS_OF_GRPC = (
    ("grpc.max_concurrent_streams", STREAMS),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.server_handshake_timeout_ms", 5_000),  # whoever connects and says nothing
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),  # whoever says nothing any more
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.so_reuseport", 0),  # a port that is taken is an error, not shared
)


class Server:
    """Serves shipped cuts at an address.

        server = Server([Path("shipped")])
        await server.start("127.0.0.1:8443")
        await server.wait()

    Args:
        places: folders of `seesaw pack --cut`, or folders that hold such.
        limits: of batches.
        report: called with a line of text before each cut is opened.

    Raises:
        SeesawError: a folder is none, or cannot be opened.
    """

    def __init__(
        self,
        places: Sequence[Path],
        limits: Limits | None = None,
        report: Callable[[str], object] = lambda line: None,
    ) -> None:
        self.limits, self.metrics = limits or Limits(), Metrics()
        self._executor = ThreadPoolExecutor(1, "compute", torch.set_grad_enabled, (False,))
        self.served: dict[tuple[str, int], ServedCut] = {}
        self.questions = Questions(self.served, self.metrics)
        opened = []
        for folder in folders_of(list(places)):
            report(f"Opening {folder} ...")
            opened.append(open_cut(folder, "server"))
        for key, cut in by_key(opened).items():
            report(f"Measuring {cut.name} behind cut {cut.cut} ...")
            ways = Ways.of(cut, self.limits.largest)
            batches = Batches(compute(cut, ways), self.limits, self._executor, self.metrics.took)
            self.served[key] = ServedCut(cut, ways, batches)
        self.description = description({key: (one.cut, one.ways.seconds) for key, one in self.served.items()})
        self._health = health.aio.HealthServicer()  # pyright: ignore[reportAttributeAccessIssue]
        self._server: grpc.aio.Server | None = None

    async def start(self, address: str, access: Access = OPEN) -> int:
        """Listen, and give the port.

        Args:
            address: host:port; port 0 takes a free one.
            access: who may ask.

        Raises:
            SeesawError: the address is none, is taken, or reaches beyond this machine where anyone may ask.
        """
        host_port(address, "The address")
        access.hold(address)
        most = max(one.cut.most_bytes for one in self.served.values()) + AROUND
        options = (*LIMITS_OF_GRPC, ("grpc.max_receive_message_length", most))
        interceptors = [] if access.token is None else [Tokens(access.token)]
        server = grpc.aio.server(options=options, interceptors=interceptors, maximum_concurrent_rpcs=CALLS)
        handlers = {
            "Describe": grpc.unary_unary_rpc_method_handler(self._describe),
            "Ask": grpc.unary_unary_rpc_method_handler(self._ask),
            "Stream": grpc.stream_stream_rpc_method_handler(self._stream),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = (
            seesaw_pb2.DESCRIPTOR.services_by_name["Seesaw"].full_name,
            health.SERVICE_NAME,
            reflection.SERVICE_NAME,
        )
        reflection.enable_server_reflection(names, server)
        try:
            port = (
                server.add_insecure_port(address)
                if access.tls is None
                else server.add_secure_port(address, access.tls)
            )
        except RuntimeError as error:
            raise SeesawError(
                f"Nothing can listen at {address}: it is taken, or no address here. Choose another."
            ) from error
        await server.start()
        for name in ("", SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._server = server
        return port

    async def stop(self, grace: float = 5.0) -> None:
        """Take no more calls, and end once those that are there are answered, or after so many seconds."""
        await self._health.enter_graceful_shutdown()
        if self._server is not None:
            await self._server.stop(grace)
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def wait(self) -> None:
        """Wait until the server was stopped."""
        if self._server is not None:
            await self._server.wait_for_termination()

    async def _describe(self, data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return self.description

    async def _ask(self, data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        left = context.time_remaining()
        until = float("inf") if left is None else time.monotonic() + left
        try:
            asked = self.questions.read(data)
            made = self.questions.at_once(asked)
            return await self.questions.later(asked, until) if made is None else made
        except SeesawError as error:
            await context.abort(_code(error), str(error))
        raise AssertionError("abort raises")

    async def _stream(self, questions: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> None:
        room, writing = asyncio.Semaphore(UNANSWERED), asyncio.Lock()
        running = set[asyncio.Task[None]]()

        async def write(made: bytes) -> None:
            async with writing:
                await context.write(made)  # waits where a device reads no answers

        async def later(asked: Asked) -> None:
            try:
                made = await self.questions.later(asked, float("inf"))
            except SeesawError as error:
                made = answer(Answered(asked.id, None, refused=str(error)))
            await write(made)
            room.release()  # a device that reads no answers is read no further

        try:
            async for data in questions:
                asked = None
                try:
                    asked = self.questions.read(data)
                    made = self.questions.at_once(asked)
                except SeesawError as error:
                    id_ = error.id if isinstance(error, Refused) else asked.id if asked is not None else 0
                    made = answer(Answered(id_, None, refused=str(error)))
                if made is not None:
                    await write(made)
                elif asked is not None:
                    await room.acquire()
                    task = asyncio.create_task(later(asked))
                    running.add(task)
                    task.add_done_callback(running.discard)
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()


def _code(error: SeesawError) -> grpc.StatusCode:
    """The status by which a refusal travels."""
    if isinstance(error, Overloaded):
        return grpc.StatusCode.RESOURCE_EXHAUSTED
    return grpc.StatusCode.DEADLINE_EXCEEDED if isinstance(error, Late) else grpc.StatusCode.INVALID_ARGUMENT
