"""Numbers as text, with the unit's prefix that suits their size."""

from __future__ import annotations

import math
from collections.abc import Sequence

BIG = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
SMALL = ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))
ROUNDS_UP = 0.9995
"""A number of at least this share of a prefix is written with it: 999,600 is 1 M, and not 1000 k."""


def prefixed(value: float, steps: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """The size and the letter of the prefix that suits a number, of steps from the largest down."""
    return next((step for step in steps if abs(value) >= ROUNDS_UP * step[0]), steps[-1])


def big(value: float) -> str:
    """A count in thousands, millions and so on: three digits."""
    size, letter = prefixed(value, BIG)
    return f"{digits(value / size)} {letter}".rstrip()


def in_bytes(value: float) -> str:
    """A number of bytes, shortened."""
    return f"{big(value)}B"


def seconds(value: float) -> str:
    """A time in s, ms, us or ns."""
    return scaled(value, "s")


def joules(value: float) -> str:
    """An energy in J, mJ, uJ or nJ."""
    return scaled(value, "J")


def scaled(value: float, unit: str) -> str:
    """A number with its unit and the prefix, from none down to n, that suits its size."""
    size, prefix = prefixed(value, SMALL)
    return f"{digits(value / size)} {prefix}{unit}"


def digits(value: float) -> str:
    """Three digits, or more where the number is whole and larger."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def exact(value: float) -> str:
    """Six digits, or all where the number is whole."""
    return f"{value:,.0f}" if float(value).is_integer() and 1e5 <= abs(value) < 1e15 else f"{value:.6g}"


def short(value: float) -> float:
    """A number with six significant digits, the same on every machine; 0 where it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else 0.0
