"""Netem: a constant channel laid by the kernel (`tc netem`) between this network namespace and another one (Linux, as root)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network

from bench.errors import SeesawError
from bench.kinds.channel import Conditions

NET = IPv4Network("198.18.0.0/15")
"""Addresses for tests between networks (RFC 2544), which nobody routes."""
TOOLS = ("ip", "tc")
LIMIT = 10_000
"""Packets that may be on the way."""


@dataclass(frozen=True)
class Namespace:
    """A network namespace beyond the link.

    Attributes:
        name: by which `ip netns exec NAME` enters it.
        address: of its end of the link, which this namespace reaches.
    """

    name: str
    address: str

    @property
    def enter(self) -> tuple[str, ...]:
        """The words before a command that is to run in it."""
        return ("ip", "netns", "exec", self.name)


def why_no_netem() -> str | None:
    """Why the kernel lays no link here, a sentence; None where it does."""
    if os.name != "posix" or os.geteuid() != 0:
        return "Network namespaces need root."
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"There is no {' and no '.join(missing)}: apt-get install iproute2."
    name = _name("try")
    try:
        _run("ip", "netns", "add", name)
        try:
            _run("ip", "netns", "exec", name, "ip", "link", "set", "lo", "up")
            _run(
                "ip",
                "netns",
                "exec",
                name,
                "tc",
                "qdisc",
                "add",
                "dev",
                "lo",
                "root",
                "netem",
                "delay",
                "1ms",
            )
        finally:
            _run("ip", "netns", "delete", name)
    except SeesawError as error:
        return f"The kernel lays no link: {error}"
    return None


@contextmanager
def netem(conditions: Conditions) -> Iterator[Namespace]:
    """A namespace behind a link with a channel's rate, delay and loss, both ways, for as long as the block lasts.

    Rate and delay are the kernel's: it counts the heads of packets too, some 4% more bytes than a proxy counts.

    Args:
        conditions: of one piece.

    Raises:
        SeesawError: the channel changes with time, carries nothing, or the kernel lays no such link.
    """
    if len(conditions) != 1 or conditions.up[0] <= 0 or conditions.down[0] <= 0:
        raise SeesawError(
            "The kernel lays a link that stays as it is. Give a constant channel that carries something."
        )
    name, here, there = _name("net"), _name("a"), _name("b")
    two = list(NET.subnets(new_prefix=30))[os.getpid() % (1 << 15)].hosts()
    own, other = (str(one) for one in two)
    _run("ip", "netns", "add", name)
    try:
        _run("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        _run("ip", "address", "add", f"{own}/30", "dev", here)
        _run("ip", "link", "set", here, "up")
        far = Namespace(name, other)
        _run(*far.enter, "ip", "address", "add", f"{other}/30", "dev", there)
        _run(*far.enter, "ip", "link", "set", there, "up")
        _run(*far.enter, "ip", "link", "set", "lo", "up")
        delay, loss = float(conditions.delay[0]), float(conditions.loss[0])
        _run(
            "tc", "qdisc", "add", "dev", here, "root", "netem", *_shape(float(conditions.up[0]), delay, loss)
        )
        _run(
            *far.enter,
            "tc",
            "qdisc",
            "add",
            "dev",
            there,
            "root",
            "netem",
            *_shape(float(conditions.down[0]), delay, loss),
        )
        yield far
    finally:
        _run("ip", "netns", "delete", name)  # and with it both ends of the link


def _shape(rate: float, delay: float, loss: float) -> list[str]:
    """The words of netem for bytes a second, seconds one way, and a share of packets."""
    words = ["delay", f"{delay * 1e6:.0f}us", "limit", str(LIMIT)]
    words += ["loss", f"{100 * loss:.6f}%"] if loss else []
    return [*words, "rate", f"{8 * rate:.0f}bit"] if rate < float("inf") else words


def _name(kind: str) -> str:
    """A name of this process's own, of at most 15 letters, as interfaces have."""
    return f"sw{kind}{os.getpid()}"


def _run(*words: str) -> None:
    """Run a command.

    Raises:
        SeesawError: it fails, with what it printed.
    """
    try:
        subprocess.run(words, check=True, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        printed = " ".join(str(getattr(error, "stderr", None) or error).split())
        raise SeesawError(
            f"`{' '.join(words)}` failed ({printed[:300]}). Run it as root, with iproute2 installed."
        ) from error
