"""Drawing: colours, style and files of all figures. matplotlib is an extra."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from bench.errors import SeesawError, needing
from bench.files import write_whole

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8f7a00", "#7a7a7a")
SHAPES = "osD^XP*v"
STYLE = {"svg.hashsalt": "seesaw", "font.size": 9}


def pyplot(path: Path) -> Any:
    """Matplotlib's pyplot, without a screen, for a figure at this path.

    Raises:
        SeesawError: matplotlib is not there, or the path ends in none of .png, .svg and .pdf.
    """
    with needing("plot", "Figures need"):
        import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    if path.suffix not in (".png", ".svg", ".pdf"):
        raise SeesawError(f"{path} is no figure's name. End it in .png, .svg or .pdf.")
    return plt


def write(canvas: Any, path: Path) -> None:
    """Write a figure whole or not at all, without dates: the same numbers give the same file."""
    stream = io.BytesIO()
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {"Software": None})
    canvas.savefig(stream, format=path.suffix[1:], dpi=200, metadata=metadata)
    write_whole(path, stream.getvalue(), "--out")
