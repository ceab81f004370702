"""Reading: one number with its unit, source and spread."""

from __future__ import annotations

from pydantic import ConfigDict

from bench.plugins.plugin import Settings


class Written(Settings):
    """Values in a record, whose schema describes each."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Reading(Written):
    """One number with its unit, its source and its spread."""

    value: float
    """the number: a median where there is a spread, else a count or a mean"""
    unit: str
    """B, MAC, s, J, share, x (a ratio of times), instruction or one"""
    source: str
    """the counter, clock, sensor or model that gave it"""
    low: float | None = None
    """lower quartile"""
    high: float | None = None
    """upper quartile"""
    n: int | None = None
    """how many measurements or samples"""
    processor: float | None = None
    """of a time on a CPU: the seconds in which the calling thread computed, a median"""
    disturbed: int | None = None
    """of a time: how many of the n were taken while other programs had the processor; 0 unless most were"""

    @property
    def is_reliable(self) -> bool:
        """Whether it may be ranked: no time that was taken while other programs had the processor, or that a note doubts."""
        return not self.disturbed


Readings = dict[str, Reading]

LEAST_SENT = 2000
"""So many samples of the test split cross each cut at least, or all where there are fewer."""
COLDEST, HOTTEST = 0.01, 100.0
"""Bounds of the search for a temperature; the best one of logits that are always right would be 0."""
AT_BOUND = " at the bound of the search"
"""The end of a temperature's source where the search ended at a bound."""
