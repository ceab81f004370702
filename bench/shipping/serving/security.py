"""Security of a connection: mutual TLS by the files of `seesaw certs`, tokens, and no open port beyond this machine."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import SeesawError, needing
from bench.shipping.serving.certs import read_authority, read_certs, read_own

with needing("serve", "Serving over a network needs"):
    import grpc
    from grpc_health.v1 import health


def credentials_of_server(folder: Path, *, token_only: bool = False) -> grpc.ServerCredentials:
    """The server's side: only devices with a certificate of this authority may connect.

    Args:
        folder: with `server.pem`, `server.key`, and `authority.pem` where devices show certificates.
        token_only: whether devices need none, so that a token alone tells who may ask.

    Raises:
        SeesawError: the folder lacks a file, or a certificate's time is over.
    """
    own, key = read_own(folder, "server")
    if token_only:
        return grpc.ssl_server_credentials([(key, own)])
    return grpc.ssl_server_credentials([(key, own)], read_authority(folder), require_client_auth=True)


def credentials_of_device(folder: Path) -> grpc.ChannelCredentials:
    """The device's side: it talks to a server with a certificate of this authority alone.

    Where the folder holds the authority's certificate alone, the device shows none of its own: a server of `--token-only` wants none, nor
    does a TLS proxy.

    Raises:
        SeesawError: the folder lacks a file, or a certificate's time is over.
    """
    if not shows_own(folder):
        return grpc.ssl_channel_credentials(read_authority(folder))
    return grpc.ssl_channel_credentials(*(read_certs(folder, "device")[one] for one in (0, 2, 1)))


def shows_own(folder: Path) -> bool:
    """Whether a device has a certificate to show in a folder."""
    return any((folder / name).exists() for name in ("device.pem", "device.key"))


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


@dataclass(frozen=True)
class Access:
    """Who may ask a server.

    Attributes:
        tls: only devices with a certificate of its authority; None for anyone.
        token: a word that every call must bring; None for none.
        clear_text: whether the token may do without TLS beyond this machine.
        token_only: whether devices need no certificate: TLS shows them the server and hides what crosses, the token tells who may ask.
    """

    tls: grpc.ServerCredentials | None = None
    token: str | None = None
    clear_text: bool = False
    token_only: bool = False

    def hold(self, address: str) -> None:
        """Refuse to listen beyond this machine where anyone could ask, or read what crosses without anyone having allowed that.

        Raises:
            SeesawError: so it would be.
        """
        if self.clear_text and (self.tls is not None or self.token is None):
            raise SeesawError(
                "--clear-text lets a token do without TLS. Give --token FILE with it, and no --tls."
            )
        if self.token_only and (self.tls is None or self.token is None):
            raise SeesawError(
                "--token-only lets devices in by the token, without certificates of theirs, over TLS. Give --tls FOLDER and --token FILE with it."
            )
        if self.tls is not None or is_here(address) or self.clear_text:
            return
        token = (
            ""
            if self.token is None
            else " A token alone would be read as well: --clear-text allows that, behind a TLS proxy or in a VPN."
        )
        raise SeesawError(
            f"{address} can be reached from other machines, which could read what crosses and ask. Make certificates with "
            f"`seesaw certs FOLDER`, and give --tls FOLDER; or listen at 127.0.0.1.{token}"
        )

    def __str__(self) -> str:
        held = [
            "no TLS" if self.tls is None else "TLS" if self.token_only else "mutual TLS",
            *(["a token"] if self.token else []),
        ]
        return " and ".join(held) + (", in clear text" if self.clear_text else "")


def hold_token(address: str, token: str | None, *, is_secret: bool, clear_text: bool) -> None:
    """Refuse to send a token beyond this machine where anyone on the way could read it.

    Args:
        address: of the server, host:port.
        token: to be sent; None for none.
        is_secret: whether TLS hides it.
        clear_text: whether it may be read.

    Raises:
        SeesawError: so it would be.
    """
    if token is not None and not (is_secret or clear_text or is_here(address)):
        raise SeesawError(
            f"The token would travel to {address} unencrypted, and whoever is on the way could ask with it. Give --tls FOLDER; or "
            "--clear-text, inside a VPN."
        )


def is_here(address: str) -> bool:
    """Whether host:port is of this machine alone."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
