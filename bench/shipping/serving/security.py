"""Security of a connection: mutual TLS by the files of `seesaw certs`, tokens, and no open port beyond this machine."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bench.errors import SeesawError, needing
from bench.shipping.serving.certs import read_certs

with needing("serve", "Serving over a network needs"):
    import grpc
    from grpc_health.v1 import health


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


class Tokens(grpc.aio.ServerInterceptor):
    """Refuses calls without the bearer token; health may be asked without."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        if handler_call_details.method.startswith(f"/{health.SERVICE_NAME}/"):
            return await continuation(handler_call_details)
        given = dict(handler_call_details.invocation_metadata).get("authorization", "")
        given = given if isinstance(given, bytes) else given.encode()
        if hmac.compare_digest(given, self._expected):
            return await continuation(handler_call_details)
        handler = await continuation(handler_call_details)
        return None if handler is None else _refusing(handler)


def _refusing(handler: Any) -> Any:
    async def unary(data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        await context.abort(
            grpc.StatusCode.UNAUTHENTICATED, "This call brings no token of this server. Give --token."
        )
        return b""

    async def stream(data: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        yield await unary(b"", context)

    if handler.request_streaming or handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(stream)
    return grpc.unary_unary_rpc_method_handler(unary)


def hold_private(address: str, is_secret: bool) -> None:
    """Refuse to listen beyond this machine where anyone could read and ask.

    Args:
        address: host:port.
        is_secret: whether TLS holds who may connect.

    Raises:
        SeesawError: it reaches beyond this machine without.
    """
    host = address.rpartition(":")[0].strip("[]")
    try:
        is_here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = False
    if not is_here and not is_secret:
        raise SeesawError(
            f"{address} can be reached from other machines, which could read what crosses and ask. Make certificates with "
            "`seesaw certs FOLDER`, and give --tls FOLDER; or listen at 127.0.0.1."
        )
