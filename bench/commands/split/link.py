"""seesaw link: a channel between a device and a server on one machine."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.errors import needing
from bench.plugins.names import check_names
from bench.shipping.serving.address import host_port

if TYPE_CHECKING:
    from bench.measuring.link import Proxy


def link(
    to: Annotated[str, typer.Option(help="host:port of the server")],
    listen: Annotated[
        str, typer.Option(help="host:port for the device; port 0 takes a free one")
    ] = "127.0.0.1:8444",
    channel: Annotated[str, typer.Option(help="spec of the link; `seesaw list channel` shows all")] = "lte",
    seconds: Annotated[
        float, typer.Option(min=1, help="for which the channel's table is made; its last piece goes on")
    ] = 3600.0,
    cut_every: Annotated[
        float | None, typer.Option(min=1, help="seconds of a period, at whose end nothing passes for a while")
    ] = None,
    cut_for: Annotated[float, typer.Option(min=0.1, help="seconds for which nothing passes then")] = 10.0,
    seed: Annotated[int, typer.Option(min=0, help="of the channel, and of lost packets")] = 0,
    debug: options.Debug = False,
) -> None:
    """Lay a channel between a device and a server: real bytes at the channel's rate, delay and loss.

    The device connects here instead of to the server. All connections share the link. Without rights on the machine, and the same
    on each: bytes pass as `seesaw deploy` has them pass.

    Example:
      seesaw serve shipped & seesaw link --to 127.0.0.1:8443 --channel lte & seesaw device shipped --server 127.0.0.1:8444
    """
    check_names("channel", [channel])
    server = host_port(to, "--to", free=False)
    host, port = host_port(listen, "--listen")
    with out.status("Loading ..."):
        from bench.kinds.channel import Channel

        with needing("link", "A shaped link needs"):
            from bench.measuring.link import Proxy, interrupted
        from bench.plugins.plugin import choose

        conditions = choose(Channel, channel).plugin.conditions(seconds, seed)
        if cut_every is not None:
            conditions = interrupted(conditions, cut_every, cut_for, seconds)
        proxy = Proxy(conditions, server, seed)
    asyncio.run(_run(proxy, host, port, channel, to))


async def _run(proxy: Proxy, host: str, port: int, channel: str, to: str) -> None:
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    port = await proxy.start(host, port)
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, ending.set)
    out.print(f"Listening at {host}:{port}, by {channel} to {to}. Ctrl-C ends it.", soft_wrap=True)
    await ending.wait()
    counts = proxy.counts
    await proxy.stop()
    out.print(
        f"{counts.connections} connections, {counts.up:,} bytes up, {counts.down:,} bytes down, {proxy.moment:,.0f} s."
    )
