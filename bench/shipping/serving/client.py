"""Client: questions to a server over gRPC, and what they tell of the link."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bench.errors import SeesawError, needing
from bench.shipping.serving.address import host_port
from bench.shipping.serving.cuts import ShippedCut
from bench.shipping.serving.wire import (
    ASK,
    DESCRIBE,
    Answered,
    question,
    read_answer,
    read_description,
)

with needing("serve", "Asking a server needs"):
    import grpc

    from bench.shipping.serving.security import credentials_of_device, hold_token, shows_own

OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),  # a server that is back is found within this time
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.use_local_subchannel_pool", 1),  # each device has a connection of its own
)
MOST_ANSWER = 1 << 20
"""Bytes of an answer, or of a description."""
PATIENCE = 10.0
"""Seconds in which a server must describe itself, when a device begins."""
SMOOTH = 0.3
"""Weight of the newest transfer in what is known of the link."""
COMES_BACK = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
)


class Unanswered(SeesawError):
    """The server did not answer.

    Attributes:
        may_come_back: whether asking later may help: the link or the server is away or busy.
    """

    def __init__(self, sentence: str, *, may_come_back: bool) -> None:
        super().__init__(sentence)
        self.may_come_back = may_come_back


class Client:
    """A connection to a server that serves the same cuts.

    Attributes:
        trip: seconds there and back without the server's own time, of small messages; None before there was one.
        rate: bytes/s of the way up, of the last messages; None before there was one.
        seconds: that a sample takes the server behind each cut, as it says itself.

    Args:
        address: host:port.
        cuts: that the device may ask about.
        tls: folder of `seesaw certs`; none for a connection without TLS.
        token: the word that the server wants.
        clear_text: whether the token may travel beyond this machine without TLS.

    Raises:
        SeesawError: the address is none, nothing answers there, it wants a certificate or a token, or it serves other parts.
    """

    def __init__(
        self,
        address: str,
        cuts: Sequence[ShippedCut],
        tls: Path | None = None,
        token: str | None = None,
        *,
        clear_text: bool = False,
    ) -> None:
        host_port(address, "The server's address", free=False)
        hold_token(address, token, is_secret=tls is not None, clear_text=clear_text)
        options = (*OPTIONS, ("grpc.max_receive_message_length", MOST_ANSWER))
        if tls is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials_of_device(tls), options)
        self._metadata = None if token is None else (("authorization", f"Bearer {token}"),)
        self._ask, self._describe = self._channel.unary_unary(ASK), self._channel.unary_unary(DESCRIBE)
        self.address, self._next = address, 0
        self._is_unknown = tls is not None and not shows_own(tls)
        self._may_want_tls = tls is None
        self.trip: float | None = None
        self.rate: float | None = None
        self.seconds = self._known(cuts)
        self._is_unknown = self._may_want_tls = False  # the server has let it in

    def _known(self, cuts: Sequence[ShippedCut]) -> dict[int, float]:
        """The seconds of a sample behind each cut; every cut must be served as it is here."""
        try:
            served = read_description(
                self._describe(b"", timeout=PATIENCE, wait_for_ready=True, metadata=self._metadata)
            )
            self.ping()
        except grpc.RpcError as error:
            last = self._last(error)
            self.close()
            advice = " Check the address, --tls and --token." if last.code() in COMES_BACK else ""
            raise SeesawError(f"{self._why(last, PATIENCE)}{advice}") from error
        seconds = {}
        for one in cuts:
            other = served.get(one.key)
            if other is None:
                there = ", ".join(
                    f"{entry.name} behind cut {entry.cut} (record {record})"
                    for (record, _), entry in served.items()
                )
                raise SeesawError(
                    f"{self.address} does not serve cut {one.cut} of this {one.name} (record {one.key[0]}), but {there}. "
                    "Pack both sides together, and serve that folder."
                )
            if other.codec != one.spec or tuple(other.feature) != one.crossing.shape:
                raise SeesawError(
                    f"{self.address} decodes {tuple(other.feature)} by {other.codec}, and this device sends {one.crossing.shape} by "
                    f"{one.spec}. Pack both sides together."
                )
            seconds[one.cut] = other.seconds
        return seconds

    def _last(self, error: grpc.RpcError) -> grpc.RpcError:
        """Why there is no connection, where waiting for one took too long; else the error itself."""
        if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
            return error
        try:
            self._describe(b"", timeout=1.0, metadata=self._metadata)
        except grpc.RpcError as last:
            return last
        return error

    def ping(self) -> None:
        """Measure a trip there and back."""
        begun = time.perf_counter()
        self._describe(b"", timeout=PATIENCE, metadata=self._metadata)
        taken = time.perf_counter() - begun
        self.trip = taken if self.trip is None else min(taken, self.trip + SMOOTH * (taken - self.trip))

    def ask(self, cut: ShippedCut, message: bytes, timeout: float) -> Answered:
        """The answer to one message.

        Args:
            cut: that it crosses.
            message: its frames.
            timeout: seconds, after which the server does not compute it any more.

        Raises:
            Unanswered: no answer came; it says why.
        """
        self._next += 1
        begun = time.perf_counter()
        try:
            data = self._ask(question(self._next, cut.key, message), timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise Unanswered(self._why(error, timeout), may_come_back=error.code() in COMES_BACK) from error
        taken = time.perf_counter() - begun
        try:
            got = read_answer(data, cut.crossing.classes)
        except SeesawError as error:
            raise Unanswered(str(error), may_come_back=False) from error
        away = taken - got.waited - got.computed
        if self.trip is not None:
            self.trip = min(self.trip, away)
            rate = len(message) / max(away - self.trip, 1e-6)
            self.rate = rate if self.rate is None else self.rate + SMOOTH * (rate - self.rate)
        return got

    def _why(self, error: grpc.RpcError, timeout: float) -> str:
        code, details = error.code(), "".join(c for c in str(error.details()) if c.isprintable())[:400]
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"{self.address} did not answer within {timeout:g} s."
        if code == grpc.StatusCode.UNAVAILABLE and self._is_unknown and "Socket closed" in details:
            return (
                f"{self.address} closed the connection ({details}). It wants a certificate of the device, it seems, and there is none here: put "
                "device.pem and device.key of its `seesaw certs` beside authority.pem, or let it serve with --token-only."
            )
        if code == grpc.StatusCode.UNAVAILABLE and self._may_want_tls and "Socket closed" in details:
            return (
                f"{self.address} closed the connection ({details}). If it serves over TLS, give --tls FOLDER."
            )
        if code == grpc.StatusCode.UNAVAILABLE and "WRONG_VERSION_NUMBER" in details:
            return f"{self.address} does not speak TLS ({details}). Leave out --tls, or let it serve with --tls FOLDER."
        if code == grpc.StatusCode.UNAVAILABLE and "handshake" in details.lower():
            return (
                f"{self.address} and this device do not know each other's certificates ({details}). Use the files of one `seesaw certs "
                "FOLDER` on both sides."
            )
        if code == grpc.StatusCode.UNAVAILABLE:
            return f"{self.address} cannot be reached ({details})."
        return details if details.endswith(".") else f"{self.address} answered with {code.name} ({details})."

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()
