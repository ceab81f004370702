"""Styles: the colour and the shape of every method, the same on all boards, in the page and in figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from bench.boards.families import kind_of, without_density
from bench.boards.rows import Row

PALETTES = {
    "dense": ("#6b7280",),
    "predefined": ("#d55e00", "#e69f00", "#a33b00", "#c9a227", "#f0793a", "#8a5a00", "#b5651d"),
    "learned": ("#0072b2", "#56b4e9", "#3f51b5", "#7b61c9", "#1f4e79", "#8a9bff", "#00838f"),
    "smaller": ("#009e73", "#6aa84f", "#2e7d32"),
}
"""Colours of the methods of each kind."""
SHAPES = {"circle": "o", "square": "s", "diamond": "D", "triangle": "^", "cross": "P", "star": "*"}
"""Shapes of marks, and what matplotlib calls them."""


class Style(NamedTuple):
    """The kind of a method, of `families.KINDS`, with its colour and shape."""

    kind: str
    colour: str
    shape: str


def styles(rows: Iterable[Row]) -> dict[str, Style]:
    """The style of every method of some rows, by its spec without the density.

    The method's number among those of its kind decides; specs of one method have its colour, and shapes that differ.

    Args:
        rows: of all boards, so that a method looks the same on each.
    """
    kinds: dict[str, str] = {}
    specs: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.records:
            method = row.setup.method
            kinds.setdefault(method.name, kind_of(row))
            specs[method.name].add(without_density(method.label))
    shapes, found = list(SHAPES), dict[str, Style]()
    for kind, palette in PALETTES.items():
        for number, name in enumerate(sorted(name for name, own in kinds.items() if own == kind)):
            for variant, spec in enumerate(sorted(specs[name])):
                shape = shapes[(number + variant) % len(shapes)]
                found[spec] = Style(kind, palette[number % len(palette)], shape)
    return dict(sorted(found.items()))
