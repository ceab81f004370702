"""Numbers as text, with the unit's prefix that suits their size."""

from __future__ import annotations

import math

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
SMALL = ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))


def big(value: float) -> str:
    """A count in thousands, millions and so on: three digits."""
    for size, letter in _STEPS:
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


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
    size, prefix = next((step for step in SMALL if value >= step[0]), SMALL[-1])
    return f"{digits(value / size)} {prefix}{unit}"


def digits(value: float) -> str:
    """Three digits, or more where the number is whole and larger."""
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def short(value: float) -> float:
    """A number with six significant digits, the same on every machine; 0 where it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else 0.0
