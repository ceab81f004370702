"""Channel: a link's rates, delay, loss and energy over time, as one table that is constant by pieces."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np

from bench.errors import SeesawError
from bench.plugins.plugin import Plugin

PACKET = 1500
"""Bytes of a packet, of which a channel loses a share: the payload of an Ethernet frame."""
MOST_PIECES = 1 << 22
"""The most pieces of a table."""


@dataclass(frozen=True, eq=False)
class Conditions:
    """A link over time: float64 arrays of one length, a number for each piece.

    A piece holds from its start until the next one's; **the last piece goes on for ever**. A channel that repeats writes
    its rounds out, as far as it was asked.

    Attributes:
        start: seconds from the beginning, from 0, rising.
        up: bytes/s from the device to the server; 0 where nothing passes.
        down: bytes/s from the server to the device.
        delay: seconds one way, after the last byte left.
        loss: share of packets (`PACKET` bytes) that do not arrive, from 0, below 1.
        watts: power of the device's radio while it sends, beside that which the bytes take.
        joules_per_byte: energy of the device's radio for a byte that it sends, those sent again included.
        tail_seconds: how long the radio stays awake after a transfer, unless another one begins.
        tail_watts: its power meanwhile.

    Raises:
        SeesawError: the arrays are no such table.
    """

    start: np.ndarray
    up: np.ndarray
    down: np.ndarray
    delay: np.ndarray
    loss: np.ndarray
    watts: np.ndarray
    joules_per_byte: np.ndarray
    tail_seconds: float = 0.0
    tail_watts: float = 0.0

    def __post_init__(self) -> None:
        columns = {name: np.asarray(getattr(self, name), np.float64) for name in COLUMNS}
        for name, column in columns.items():
            column = column.copy()
            column.setflags(write=False)
            object.__setattr__(self, name, column)
        pieces = columns["start"].size
        if any(one.shape != (pieces,) for one in columns.values()) or not 1 <= pieces <= MOST_PIECES:
            shapes = ", ".join(f"{name} {one.shape}" for name, one in columns.items())
            raise SeesawError(
                f"A table of a channel has columns of one length, 1 to {MOST_PIECES:,} ({shapes}). Give as many of each."
            )
        values = [*columns.values(), np.array([self.tail_seconds, self.tail_watts])]
        if not all(np.isfinite(one).all() and (one >= 0).all() for one in values):
            raise SeesawError(
                "A table of a channel holds a number that is negative, infinite or none. Give numbers from 0."
            )
        if columns["start"][0] != 0 or (np.diff(columns["start"]) <= 0).any():
            raise SeesawError(
                "The pieces of a channel start at 0 s, and each one later than the one before. Put them in order."
            )
        if (columns["loss"] >= 1).any():
            raise SeesawError("A channel loses all packets for a while. Give a rate of 0 instead.")

    def __len__(self) -> int:
        return self.start.size

    @classmethod
    def of(
        cls,
        start: np.ndarray,
        up: np.ndarray,
        *,
        tail_seconds: float = 0.0,
        tail_watts: float = 0.0,
        **columns: object,
    ) -> Self:
        """A table of which columns may be single numbers, or be left out: `down` is then `up`, the others 0."""
        start = np.asarray(start, np.float64)
        given = {
            "up": up,
            "down": up,
            "delay": 0.0,
            "loss": 0.0,
            "watts": 0.0,
            "joules_per_byte": 0.0,
        } | columns
        full = {
            name: np.broadcast_to(np.asarray(one, np.float64), start.shape) for name, one in given.items()
        }
        return cls(start, **full, tail_seconds=tail_seconds, tail_watts=tail_watts)

    def piece(self, seconds: np.ndarray | float) -> np.ndarray:
        """The number of the piece that holds at times from 0, in their shape."""
        return np.searchsorted(self.start, seconds, side="right") - 1


COLUMNS = tuple(one.name for one in fields(Conditions) if not one.name.startswith("tail_"))
"""The names of a table's columns, `start` first."""


class Channel(Plugin):
    """The contract: `conditions` gives the same table for the same seconds and seed; nothing else of it is read.

    A table of more seconds begins with the one of fewer, so that a longer replay sees the same link.
    """

    kind: ClassVar[str] = "channel"

    def identity(self) -> dict[str, Any]:
        """The identity of what it reads, beside its settings: such as a digest of a user's own file."""
        return {}

    def conditions(self, seconds: float, seed: int) -> Conditions:
        """The link from 0 to `seconds` at least; what is random comes from the seed alone."""
        raise NotImplementedError(f"{type(self).__name__} must define conditions(seconds, seed)")
