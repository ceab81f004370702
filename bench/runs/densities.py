"""Densities of a comparison, as they are written on a command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.errors import SeesawError


def hold_densities(densities: Iterable[str]) -> None:
    """See that words are densities.

    Raises:
        SeesawError: one is none.
    """
    for density in densities:
        if not re.fullmatch(r"[\d.]+(e-?\d+)?", density):
            raise SeesawError(f"{density!r} is no density. Name shares of the weights: 0.5,0.25,0.125.")
