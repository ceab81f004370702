"""Link: a channel's table laid over real TCP connections, for trying a device and a server on one machine.

A proxy listens for devices and connects each to the server. Bytes pass as a replay of the channel has them pass (`bench.replay.
deploy.link`): in turn at the rate of the moment, then delayed; lost packets cost round trips. All connections share the link, as
they share a radio.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bench.errors import SeesawError
from bench.kinds.channel import Conditions
from bench.replay.deploy.link import Direction, directions, transfer

CHUNK = 4096
"""Bytes that pass together: the first of them arrives when the last one does."""
AHEAD = 1 << 18
"""Bytes that one connection may have on the way; it is read no further meanwhile, as a full window would have it."""
MOST = 256
"""Connections at once."""
SPIN = 0.0015
"""Seconds before a moment from which the loop is turned instead of slept through, since sleeping is that coarse."""


class Shaper:
    """One direction of a link: when bytes that are handed over at a moment have all arrived.

    Args:
        direction: of the channel's table.
        seed: of the lost packets.
    """

    def __init__(self, direction: Direction, seed: int = 0) -> None:
        self.direction, self._luck = direction, np.random.default_rng(seed)
        self._free, self._arrived, self._near = 0.0, 0.0, 0
        self.bytes = 0

    def release(self, moment: float, count: int) -> float:
        """The moment at which `count` bytes have arrived, infinite where they never do.

        Args:
            moment: seconds from the beginning, not before that of the last call.
            count: bytes.
        """
        one = self.direction
        luck = 1.0 - self._luck.random()
        _, self._free, arrived, _, self._near = transfer(
            one.start, one.rate, one.total, one.delay, one.loss, moment, self._free, count, luck, self._near
        )
        self._arrived = max(self._arrived, arrived)  # a stream keeps its order
        self.bytes += count
        return self._arrived


def interrupted(conditions: Conditions, every: float, lasting: float, seconds: float) -> Conditions:
    """A channel on which nothing passes for a while at the end of every period.

    Args:
        conditions: of the channel.
        every: seconds of a period.
        lasting: of them, without any byte.
        seconds: for which the table is needed.

    Raises:
        SeesawError: nothing would be left, or too many pieces would come.
    """
    if not 0 < lasting < every:
        raise SeesawError(
            f"A link cannot be cut for {lasting:g} of every {every:g} s. Leave some time between."
        )
    if seconds / every > 1 << 18:
        raise SeesawError(f"{seconds / every:,.0f} periods are too many. Ask for longer periods.")
    ends = every * np.arange(1, int(np.ceil(seconds / every)) + 1)
    start = np.unique(np.concatenate([conditions.start, ends, ends - lasting]))
    at = conditions.piece(start)
    columns = {
        name: getattr(conditions, name)[at]
        for name in ("up", "down", "delay", "loss", "watts", "joules_per_byte")
    }
    is_cut = (start % every >= every - lasting - 1e-9) & (start < ends[-1] - 1e-9)
    return replace(
        conditions,
        start=start,
        **columns | {name: np.where(is_cut, 0.0, columns[name]) for name in ("up", "down")},
    )


@dataclass
class Counts:
    """What has passed a proxy.

    Attributes:
        connections: that devices have opened.
        up: bytes that have arrived at the server.
        down: bytes that have arrived at devices.
    """

    connections: int = 0
    up: int = 0
    down: int = 0


class Proxy:
    """Listens for devices and shapes what they and the server send to each other.

    Args:
        conditions: of the link, from the moment at which the proxy starts.
        server: host and port.
        seed: of the lost packets.
        clock: seconds, rising.
    """

    def __init__(
        self,
        conditions: Conditions,
        server: tuple[str, int],
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        up, down = directions(conditions)
        self.up, self.down = Shaper(up, seed), Shaper(down, seed + 1)
        self.server, self.clock, self.counts = server, clock, Counts()
        self._begun = 0.0
        self._listening: asyncio.Server | None = None
        self._open = set[asyncio.Task[None]]()

    @property
    def moment(self) -> float:
        """Seconds since the proxy started."""
        return self.clock() - self._begun

    async def start(self, host: str, port: int) -> int:
        """Listen, and give the port.

        Raises:
            SeesawError: the address is taken, or none of this machine.
        """
        _warm(self.up.direction)
        try:
            self._listening = await asyncio.start_server(self._connected, host, port)
        except OSError as error:
            raise SeesawError(
                f"Nothing can listen at {host}:{port} ({error.strerror}). Choose another --listen."
            ) from error
        self._begun = self.clock()
        return self._listening.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._listening is not None:
            self._listening.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= MOST:
            writer.close()
            return
        self._open.add(task)
        self.counts.connections += 1
        try:
            there = await asyncio.open_connection(*self.server)
        except OSError:  # no server: the device sees its connection closed, as it would without a proxy
            writer.close()
            self._open.discard(task)
            return
        try:
            pumps = [
                asyncio.ensure_future(self._pump(reader, there[1], self.up, "up")),
                asyncio.ensure_future(self._pump(there[0], writer, self.down, "down")),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in pumps:
                    one.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            for one in (writer, there[1]):
                one.close()
            self._open.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, shaper: Shaper, way: str
    ) -> None:
        """Carry bytes one way until the sender ends or the receiver is gone."""
        moving = asyncio.Queue[tuple[float, bytes]](AHEAD // CHUNK)

        async def deliver() -> None:
            while True:
                moment, data = await moving.get()
                if not data:
                    return
                await self._until(moment)
                writer.write(data)
                await writer.drain()
                setattr(self.counts, way, getattr(self.counts, way) + len(data))

        delivering = asyncio.create_task(deliver())
        try:
            while data := await reader.read(CHUNK):
                await moving.put((shaper.release(self.moment, len(data)), data))
            await moving.put((0.0, b""))
            await delivering
        except OSError:
            return  # one side has closed
        finally:
            delivering.cancel()

    async def _until(self, moment: float) -> None:
        while moment == float("inf"):
            await asyncio.sleep(60)
        if (left := moment - self.moment - SPIN) > 0:
            await asyncio.sleep(left)
        while self.moment < moment:
            await asyncio.sleep(0)


def _warm(one: Direction) -> None:
    """Compile what shapes, before the first byte waits for it."""
    transfer(one.start, one.rate, one.total, one.delay, one.loss, 0.0, 0.0, 1, 0.5, 0)
