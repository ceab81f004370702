"""A shaped link against the channel's arithmetic, by a clock of the test's, and over real connections."""

import asyncio
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import Conditions, SeesawError
from bench.measuring.link import CHUNK, Proxy, Shaper, interrupted
from bench.replay.deploy.link import directions


def table(rates, loss=0.0, delay=0.0):
    return Conditions.of(np.arange(len(rates), dtype=float), np.array(rates, float), delay=delay, loss=loss)


@settings(deadline=None)  # the first call compiles
@given(
    rates=st.lists(st.sampled_from([0.0, 10.0, 100.0, 5000.0]), min_size=1, max_size=5).map(
        lambda r: [*r, 50.0]
    ),
    parts=st.lists(st.integers(1, 300), min_size=1, max_size=8),
)
def test_bytes_in_parts_arrive_as_the_whole_would(rates, parts):
    up, _ = directions(table(rates, delay=0.25))
    shaper, whole = Shaper(up), Shaper(up)
    arrivals = [shaper.release(0.0, one) for one in parts]
    assert arrivals == sorted(arrivals)
    assert arrivals[-1] == pytest.approx(whole.release(0.0, sum(parts)), rel=1e-12)


def test_what_comes_later_waits_for_what_came_before():
    shaper = Shaper(directions(table([100.0]))[0])
    assert shaper.release(0.0, 50) == pytest.approx(0.5)
    assert shaper.release(0.1, 50) == pytest.approx(1.0)
    assert shaper.release(3.0, 50) == pytest.approx(3.5)


def test_losses_hang_on_the_seed_alone_and_keep_the_order():
    up = directions(table([1e6], loss=0.3, delay=0.1))[0]
    runs = [[Shaper(up, seed).release(0.01 * k, 1000) for k in range(1)] for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    shaper = Shaper(up, 5)
    arrivals = [shaper.release(0.01 * k, 3000) for k in range(200)]
    assert arrivals == sorted(arrivals)
    assert max(np.diff(arrivals)) > 0.1


def test_nothing_passes_while_the_link_is_cut():
    cut = interrupted(table([100.0, 200.0, 100.0]), 2.0, 0.5, 6.0)
    moments = np.array([0.0, 1.4, 1.6, 2.0, 3.4, 3.6, 5.7, 6.1])
    assert cut.up[cut.piece(moments)].tolist() == [100, 200, 0, 100, 100, 0, 0, 100]
    shaper = Shaper(directions(cut)[0])
    assert shaper.release(1.5, 50) == pytest.approx(2.5)
    with pytest.raises(SeesawError, match="Leave some time between"):
        interrupted(table([1.0]), 1.0, 1.0, 5.0)


async def echo(reader, writer):
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


def over(conditions, payload):
    """(the payload as it came back, seconds, the proxy) through a server that sends everything back."""

    async def run():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        proxy = Proxy(conditions, server.sockets[0].getsockname()[:2])
        port = await proxy.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun = time.monotonic()
        writer.write(payload)
        back = await reader.readexactly(len(payload))
        taken = time.monotonic() - begun
        writer.close()
        await proxy.stop()
        server.close()
        return back, taken, proxy

    return asyncio.run(run())


def test_real_bytes_take_the_time_of_the_table_and_come_whole():
    payload = bytes(range(256)) * 200
    back, taken, proxy = over(Conditions.of(np.zeros(1), np.array([500_000.0]), delay=0.02), payload)
    assert back == payload
    least = len(payload) / 500_000 + 0.04
    assert least <= taken < least + CHUNK / 500_000 + 2.0
    assert (proxy.counts.up, proxy.counts.down, proxy.counts.connections) == (len(payload), len(payload), 1)


def test_a_device_without_a_server_sees_its_connection_closed():
    async def run():
        free = await asyncio.start_server(echo, "127.0.0.1", 0)
        address = free.sockets[0].getsockname()[:2]
        free.close()
        await free.wait_closed()
        proxy = Proxy(table([1e6]), address)
        reader, writer = await asyncio.open_connection("127.0.0.1", await proxy.start("127.0.0.1", 0))
        ended = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await proxy.stop()
        return ended

    assert asyncio.run(run()) == b""


def test_a_port_that_is_taken_is_a_sentence():
    async def run():
        taken = await asyncio.start_server(echo, "127.0.0.1", 0)
        try:
            await Proxy(table([1.0]), ("127.0.0.1", 1)).start(*taken.sockets[0].getsockname()[:2])
        finally:
            taken.close()

    with pytest.raises(SeesawError, match="Choose another --listen"):
        asyncio.run(run())
