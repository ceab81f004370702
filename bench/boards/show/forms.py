"""Forms: the size of a figure for a paper, and of its letters and its legend."""

from __future__ import annotations

import math
from typing import NamedTuple

from bench.boards.families import KINDS
from bench.errors import SeesawError

FEW, LOTS = (6.4, 4.0), (7.2, 5.2)
"""Inches of a figure with few methods, and of one with more than `MANY`, where no width is asked for."""
MANY = 12
LEAST, NARROW = 2.0, 5.0
"""Inches that a figure has at least, and below which its legend stands above the plot, in two columns, and its letters are smaller."""
SHAPE, LEGEND_LINE = 0.72, 0.12
"""Height of a narrow plot over its width, and inches of a line of its legend."""


class Form(NamedTuple):
    """The size of a figure, and of what stands in it.

    Attributes:
        inches: width and height.
        letters: points of the axes' letters.
        names: points of the legend's.
        place: the legend's, as matplotlib calls it.
        columns: of the legend.
    """

    inches: tuple[float, float]
    letters: float
    names: float
    place: str
    columns: int


def form(width: float | None, methods: int) -> Form:
    """The form of a figure that is printed as wide as it is drawn: letters keep their size.

    Args:
        width: inches; None for one as wide as a page's text.
        methods: that are drawn.

    Raises:
        SeesawError: so narrow that nothing can be read.
    """
    if width is not None and not LEAST <= width < math.inf:
        raise SeesawError(
            f"No figure is {width:g} inches wide. Write --width 3.3 for one column of a paper, {LEAST:g} at least."
        )
    few = methods <= MANY
    if width is None or width >= NARROW:
        inches = FEW if few else LOTS
        scale = 1.0 if width is None else width / inches[0]
        return Form((inches[0] * scale, inches[1] * scale), 9, 8 if few else 6.5, "outside right upper", 1)
    lines = math.ceil((methods + len(KINDS)) / 2)
    return Form((width, SHAPE * width + LEGEND_LINE * lines + 0.5), 7, 6, "outside upper center", 2)
