"""Drawing: what all figures share. matplotlib is an extra."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from bench.errors import SeesawError
from bench.files import write_whole

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8f7a00", "#7a7a7a")
SHAPES = "osD^XP*v"
STYLE = {"svg.hashsalt": "seesaw", "font.size": 9}


def pyplot(path: Path) -> Any:
    """Matplotlib's pyplot, without a screen, once sure that it can write the file.

    Raises:
        SeesawError: matplotlib is not there, or the file's ending is of no known format.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise SeesawError("Figures need matplotlib. Install it: pip install 'seesaw-bench[plot]'.") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    if path.suffix not in (".png", ".svg", ".pdf"):
        raise SeesawError(f"{path} is no figure's name. End it in .png, .svg or .pdf.")
    return plt


def write(canvas: Any, path: Path) -> None:
    """Whole or not at all, without dates: the same numbers give the same file."""
    stream = io.BytesIO()
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {"Software": None})
    canvas.savefig(stream, format=path.suffix[1:], dpi=200, metadata=metadata)
    write_whole(path, stream.getvalue(), "--out")
