"""The three plots of a replayed stream: regret over samples, accuracy and cost against the cost of sending on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.drawing import COLOURS, SHAPES, STYLE, pyplot, write
from bench.replay.rows import EARLY_EXIT, Row, varied


def figures(
    rows: Sequence[Row], marks: np.ndarray, folder: Path, across: str = "offload", ending: str = "png"
) -> list[Path]:
    """Draw regret (of the first terms), accuracy and cost (of all), and write each to a file.

    Args:
        rows: of a sweep.
        marks: after how many samples regret is told.
        folder: for regret, accuracy and cost; made where it is not there.
        across: the term that accuracy and cost are drawn against.
        ending: of the files: png, svg or pdf.

    Raises:
        SeesawError: matplotlib is not there, or a file cannot be written.
    """
    paths = [folder / f"{name}.{ending}" for name in ("regret", "accuracy", "cost")]
    plt = pyplot(paths[0])
    with plt.rc_context(STYLE):
        for path in paths:
            canvas, axis = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
            if path is paths[0]:
                _regret(axis, rows, marks)
            else:
                _against(axis, rows, path.stem, across)
            axis.grid(visible=True, alpha=0.3)
            axis.legend(fontsize=8)
            n = len(rows[0].tallies)
            caption = f"means over {n} reshufflings, 95% intervals" if n > 1 else "one pass over the stream"
            canvas.supxlabel(caption, fontsize=7, color="0.35")
            write(canvas, path)
            plt.close(canvas)
    return paths


def _regret(axis: Any, rows: Sequence[Row], marks: np.ndarray) -> None:
    """A line and a band for each row of the first terms that plays one arm after the other without hindsight."""
    shown = [row for row in rows if row.terms == rows[0].terms and row.name != EARLY_EXIT and not row.bound]
    for number, row in enumerate(shown):
        mean, low, high = row.regret()
        colour = COLOURS[number % len(COLOURS)]
        axis.plot(marks, mean, color=colour, label=row.name)
        axis.fill_between(marks, low, high, color=colour, alpha=0.2, linewidth=0)
    axis.set_xlabel("samples")
    axis.set_ylabel(f"cumulative regret (offload {rows[0].terms.offload:g})")
    axis.set_yscale("symlog", linthresh=10)  # always computing all layers would flatten every other line


def _against(axis: Any, rows: Sequence[Row], what: str, across: str) -> None:
    """A line for each name, and for each of its terms beside the one that is drawn across."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        lines.setdefault(row.label(varied(rows) - {across}), []).append(row)
    for number, (name, line) in enumerate(lines.items()):
        points = sorted((getattr(row.terms, across), *row.mean(what)) for row in line)
        at, mean, low, high = (np.array(column) for column in zip(*points, strict=True))
        axis.errorbar(
            at, mean, yerr=[mean - low, high - mean], capsize=2, color=COLOURS[number % len(COLOURS)], label=name,
            marker=SHAPES[(number + number // len(COLOURS)) % len(SHAPES)], linestyle=":" if line[0].bound else "-",
        )  # fmt: skip
    axis.set_xlabel("cost of sending a sample on (offload)" if across == "offload" else across)
    axis.set_ylabel("accuracy" if what == "accuracy" else "mean cost of a sample, booked")
