"""Security of a connection: mutual TLS by the files of `seesaw certs`."""

from __future__ import annotations

from pathlib import Path

from bench.errors import needing
from bench.shipping.serving.certs import read_certs

with needing("serve", "Serving over a network needs"):
    import grpc


def credentials_of_server(folder: Path) -> grpc.ServerCredentials:
    """The server's side: only devices with a certificate of this authority may connect.

    Raises:
        SeesawError: the folder lacks a file, or a certificate's time is over.
    """
    authority, own, key = read_certs(folder, "server")
    return grpc.ssl_server_credentials([(key, own)], authority, require_client_auth=True)


def credentials_of_device(folder: Path) -> grpc.ChannelCredentials:
    """The device's side: it talks to a server with a certificate of this authority alone.

    Raises:
        SeesawError: the folder lacks a file, or a certificate's time is over.
    """
    return grpc.ssl_channel_credentials(*(read_certs(folder, "device")[one] for one in (0, 2, 1)))
