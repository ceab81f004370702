"""Reading: one number with its unit, source and spread."""

from __future__ import annotations

from bench.plugins.plugin import Settings


class Reading(Settings):
    """One number with its unit, its source and its spread."""

    value: float
    """the number: a median where there is a spread, else a count or a mean"""
    unit: str
    """B, MAC, s, J, share, x (a ratio of times) or one"""
    source: str
    """the counter, clock, sensor or model that gave it"""
    low: float | None = None
    """lower quartile"""
    high: float | None = None
    """upper quartile"""
    n: int | None = None
    """how many measurements or samples"""


Readings = dict[str, Reading]
