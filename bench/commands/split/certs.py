"""seesaw certs: certificates for trying mutual TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options
from bench.commands.options import out


def certs(
    folder: Annotated[Path, typer.Argument(help="for the files; a new one")],
    host: Annotated[
        list[str] | None, typer.Option(help="name or address of the server (may be repeated)")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="for which they hold")] = 30,
    debug: options.Debug = False,
) -> None:
    """Make an authority of one's own, and a certificate and key for the server and for the device.

    For trying, and for a bench of one's own: the authority's key is thrown away, so that nobody can sign others. The server
    needs all but `device.*`, the device all but `server.*`; keys can be read by their owner alone.

    Example:
      seesaw certs certs --host 192.168.0.7 --host server.local
    """
    from bench.shipping.serving.certs import write_certs

    named: list[str] = [*(host or []), "localhost", "127.0.0.1"]
    hosts = list(dict.fromkeys(named))
    ends = write_certs(folder, hosts, days)
    out.print(f"{folder}: certificates for {', '.join(hosts)}, until {ends:%Y-%m-%d}.", soft_wrap=True)
    out.print(
        f"Next: seesaw serve SHIPPED --listen 0.0.0.0:8443 --tls {folder}, and seesaw device SHIPPED --server {hosts[0]}:8443 "
        f"--tls {folder}",
        soft_wrap=True,
    )
