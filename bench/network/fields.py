"""Receptive fields: the rows of its input that an operation needs for rows of its output, exact at the borders.

Rows [a, b) of the output of a layer with kernel k, stride s, padding p and dilation d need rows [a s - p, (b - 1) s - p + d (k - 1) + 1)
of its input. What of these lies outside the input is padding: so a tile is padded where the whole is, and nowhere else
(Zhao, Barijough, Gerstlauer, DeepThings, IEEE TCAD 2018; Li, Iosifidis, Zhang, receptive field-based segmentation, 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from bench.errors import SeesawError


@dataclass(frozen=True)
class Span:
    """Rows from `start` to before `stop`."""

    start: int
    stop: int

    def __len__(self) -> int:
        return max(0, self.stop - self.start)

    def joined(self, other: Span) -> Span:
        """The least span that holds both."""
        if not self or not other:
            return self or other
        return Span(min(self.start, other.start), max(self.stop, other.stop))

    def missing(self, own: Span) -> int:
        """How many of these rows are not among others."""
        return len(self) - max(0, min(self.stop, own.stop) - max(self.start, own.start))


class Needed(NamedTuple):
    """Rows of an input, and how many rows of padding lie above and below them."""

    rows: Span
    above: int
    below: int


def needed(
    out: Span, height: int, kernel: int = 1, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Needed:
    """The rows that rows of an output need.

    Args:
        out: rows of the output.
        height: rows of the input.
        kernel: rows of the layer's kernel; the others are the layer's too.
        stride: rows that the kernel goes on.
        padding: rows above the input.
        dilation: rows between those that the kernel reads, and one.
    """
    if not out:
        return Needed(Span(0, 0), 0, 0)
    start, stop = (
        out.start * stride - padding,
        (out.stop - 1) * stride - padding + dilation * (kernel - 1) + 1,
    )
    rows = Span(min(max(start, 0), height), max(min(stop, height), 0))
    rows = rows if rows else Span(rows.start, rows.start)
    return Needed(rows, min(max(-start, 0), stop - start), min(max(stop - height, 0), stop - start))


def shares(height: int, machines: int) -> list[Span]:
    """Rows dealt to machines, as equally as whole rows allow; the first have one more.

    Raises:
        SeesawError: there are fewer than one machine.
    """
    if machines < 1:
        raise SeesawError(f"Rows cannot be dealt to {machines} machines. Name 1 or more.")
    each, more = divmod(height, machines)
    ends = [number * each + min(number, more) for number in range(machines + 1)]
    return [Span(start, stop) for start, stop in pairwise(ends)]
