"""seesaw serve: the server's part of shipped cuts, behind gRPC."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options
from bench.commands.options import out
from bench.commands.split import places
from bench.errors import SeesawError
from bench.files import read_plain
from bench.shipping.serving.address import host_port

if TYPE_CHECKING:
    from bench.shipping.serving.security import Access
    from bench.shipping.serving.server import Server

MOST_TOKEN = 4096
"""Bytes of a token's file."""
ClearText = Annotated[
    bool,
    typer.Option(
        "--clear-text",
        help="let the token, and all that crosses, travel beyond this machine unencrypted: whoever is on the way can read both, and ask with "
        "that token; for a server behind a TLS proxy or inside a VPN",
    ),
]


def serve(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="that `seesaw pack --cut K` wrote, or that hold several of these; or records, whose networks are packed first",
            metavar="SHIPPED-OR-RECORD...",
        ),
    ],
    listen: Annotated[
        str, typer.Option(help="host:port; port 0 takes a free one; beyond 127.0.0.1 only with --tls")
    ] = "127.0.0.1:8443",
    cut: places.Cuts = None,
    codec: places.Codecs = None,
    into: places.Into = None,
    tls: Annotated[
        Path | None,
        typer.Option(
            help="folder of `seesaw certs`: only devices with its certificate may ask, unless --token-only"
        ),
    ] = None,
    token: Annotated[
        Path | None,
        typer.Option(help="file with a word that every call must bring (authorization: Bearer WORD)"),
    ] = None,
    token_only: Annotated[
        bool,
        typer.Option(
            "--token-only",
            help="with --tls and --token: devices need no certificate of their own, and have authority.pem alone; the token tells who may ask",
        ),
    ] = False,
    clear_text: ClearText = False,
    batch: Annotated[
        int, typer.Option(min=1, max=1024, help="samples of one cut computed together, at most")
    ] = 32,
    max_wait: Annotated[
        float,
        typer.Option(min=0, max=10, help="seconds for which the first of a batch waits for others, at most"),
    ] = 0.0,
    queue: Annotated[
        int,
        typer.Option(min=1, max=100_000, help="questions that may wait at one cut; further ones are refused"),
    ] = 256,
    metrics: Annotated[str | None, typer.Option(help="host:port of metrics as text for Prometheus")] = None,
    runs: options.Runs = options.RUNS,
    data: options.DataSets = options.DATA,
    threads: Annotated[int, typer.Option(min=1, help="of PyTorch")] = 1,
    debug: options.Debug = False,
) -> None:
    """Serve the server's part of one or several networks: devices send features across the cut, and get logits.

    Everything that comes is held to what was packed: the network's record, the cut, the shapes, the codec, and how many bytes
    these can take. Questions that arrive together are computed together. Ctrl-C or SIGTERM ends it once what was asked is
    answered. `bench/shipping/serving/seesaw.proto` says how programs in other languages ask; health and reflection are
    those of gRPC.

    Examples:
      seesaw pack resnet_sparse --task digits --cut 4 --out shipped; seesaw serve shipped

      seesaw serve results/records/digits-v1/resnet_sparse-0123456789ab/seed0.json --cut 0 --cut 4

      seesaw certs certs --host 192.168.0.7; seesaw serve shipped --listen 0.0.0.0:8443 --tls certs --metrics 127.0.0.1:9090
    """
    host_port(listen, "--listen")
    metrics_at = None if metrics is None else host_port(metrics, "--metrics")
    word = read_token(token)
    asked = places.Packing(cut or [], codec or [], into, data, runs)
    asked.hold(folders)
    with out.status("Loading PyTorch ...") as status:
        from bench.machine import settle
        from bench.shipping.serving.batches import Limits
        from bench.shipping.serving.security import Access, credentials_of_server
        from bench.shipping.serving.server import Server

        settle(threads, deterministic=False)
        own = None if tls is None else credentials_of_server(tls, token_only=token_only)
        way = Access(own, word, clear_text=clear_text, token_only=token_only)
        way.hold(listen)
        with places.shipped(folders, asked, status.update) as there:
            server = Server(there, Limits(max_wait, batch, queue), status.update)
    if metrics_at is not None:
        server.metrics.listen(*metrics_at)
    asyncio.run(_run(server, listen, way))


async def _run(server: Server, listen: str, way: Access) -> None:
    import torch

    torch.set_grad_enabled(False)  # of this process, which trains nothing
    port = await server.start(listen, way)
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, ending.set)
    for served in server.served.values():
        out.print(
            f"{served.cut.name} behind cut {served.cut.cut} by {served.cut.spec}: "
            f"{served.ways.seconds * 1e6:,.0f} us a sample, record {served.cut.manifest.record}",
            soft_wrap=True,
        )
    host = listen.rpartition(":")[0]
    out.print(f"Listening at {host}:{port} with {way}. Ctrl-C ends it.", soft_wrap=True)
    await ending.wait()
    out.print("Ending once what was asked is answered ...")
    await server.stop()


def read_token(path: Path | None) -> str | None:
    """The word in a token's file; None without a file.

    Raises:
        SeesawError: it cannot be read, or holds no single word.
    """
    if path is None:
        return None
    try:
        word = read_plain(path, MOST_TOKEN).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no ASCII text"
        raise SeesawError(
            f"The token {path} cannot be read ({reason}). Name a file with one word."
        ) from error
    if not word or not word.isprintable() or " " in word:
        raise SeesawError(
            f"The token {path} is no single word. Write one, such as by: openssl rand -hex 24 > {path}"
        )
    return word
