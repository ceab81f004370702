"""Address: host and port as somebody writes them."""

from __future__ import annotations

from bench.errors import SeesawError

MOST_PORT, DIGITS = 65_535, 5


def host_port(text: str, name: str, *, free: bool = True) -> tuple[str, int]:
    """A host and a port.

    Args:
        text: such as 127.0.0.1:8443, or [::1]:8443.
        name: of what it is given for, which the error begins with.
        free: whether port 0 may stand for a free one.

    Raises:
        SeesawError: it is none: gRPC would take port 443 where there is no port, and another one where it is too large.
    """
    host, _, port = text.rpartition(":")
    is_number = port.isascii() and port.isdigit() and len(port) <= DIGITS and int(port) <= MOST_PORT
    is_bracketed = host.startswith("[") and host.endswith("]")
    is_bare = ":" in host and not is_bracketed  # IPv6, whose end would be taken for a port
    if not host or not is_number or is_bare or (not free and int(port) == 0):
        raise SeesawError(f"{name} {text} is no host:port. Write it as 127.0.0.1:8443, or [::1]:8443.")
    return host.strip("[]"), int(port)
