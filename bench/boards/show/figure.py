"""Figures for papers: one board's trade-off as PNG, SVG or PDF (matplotlib, an extra)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.boards.axes import Axis, axes
from bench.boards.board import Board, Line
from bench.boards.rows import Row
from bench.drawing import COLOURS, SHAPES, STYLE, pyplot, write
from bench.errors import SeesawError, counted
from bench.records.mean import Mean

SHORT = {"accuracy": "top1", "effective": "macs.effective", "storage": "bytes"}
"""Words that users may type for the key of an axis."""


def figure(board: Board, lines: Sequence[Line], x: str, y: str, path: Path) -> Path:
    """Draw one board's last exits, means over seeds with 95% intervals; the caption names the board and n.

    Args:
        board: whose name stands in the caption.
        lines: those of its lines that are drawn.
        x: key of the axis across, from `bench.boards.axes.axes`, or a word of `SHORT`.
        y: key of the axis up.
        path: the file to write; its ending is the format.

    Raises:
        SeesawError: no matplotlib, no such axis, no line, none that has both numbers, or an unknown format.
    """
    plt = pyplot(path)
    from matplotlib.ticker import PercentFormatter

    all_axes = axes(line.row for line in lines)
    keys = [SHORT.get(key, key) for key in (x, y)]
    for key in keys:
        if key not in all_axes:
            raise SeesawError(f"There is no axis {key!r}. The axes are {', '.join(all_axes)}.")
    points = [
        (line.row, a, b)
        for line in lines
        if (a := _mean(line, keys[0])) is not None and (b := _mean(line, keys[1])) is not None
    ]
    if not lines:
        raise SeesawError(f"No model on {board.name} is of these backbones and methods. Name others.")
    if not points:
        raise SeesawError(f"No model on {board.name} has both {keys[0]} and {keys[1]}. Choose other axes.")
    methods = sorted({row.setup.method.name for row, *_ in points})
    backbones = sorted({row.setup.backbone.label for row, *_ in points})
    with plt.rc_context(STYLE):
        canvas, axis = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
        for row, a, b in points:
            axis.errorbar(
                a.value, b.value, xerr=a.half or None, yerr=b.half or None, linestyle="none", capsize=2,
                marker=SHAPES[backbones.index(row.setup.backbone.label) % len(SHAPES)],
                color=COLOURS[methods.index(row.setup.method.name) % len(COLOURS)],
                alpha=1.0 if row.ranked else 0.35,
            )  # fmt: skip
        for number, method in enumerate(methods):
            axis.plot([], [], "o", color=COLOURS[number % len(COLOURS)], label=method)
        for number, backbone in enumerate(backbones):
            axis.plot([], [], SHAPES[number % len(SHAPES)], color="0.3", label=backbone)
        for key, set_scale in zip(keys, (axis.set_xscale, axis.set_yscale), strict=True):
            if all_axes[key].unit != "share":
                set_scale("log")
        sides = (
            (axis.xaxis, axis.set_xlim, [a for _, a, _ in points]),
            (axis.yaxis, axis.set_ylim, [b for *_, b in points]),
        )
        for key, (side, limit, means) in zip(keys, sides, strict=True):
            if all_axes[key].unit == "share":
                values = [mean.value for mean in means]
                air = 0.06 * (max(values) - min(values) or 0.1)
                limit(min(values) - air, max(values) + air)  # intervals may reach beyond, also above 1
                side.set_major_formatter(PercentFormatter(1))
        axis.set_xlabel(_label(all_axes[keys[0]]))
        axis.set_ylabel(_label(all_axes[keys[1]]))
        axis.grid(visible=True, alpha=0.3)
        axis.legend(fontsize=8)
        canvas.supxlabel(_caption(board.name, [row for row, *_ in points]), fontsize=7, color="0.35")
        write(canvas, path)
        plt.close(canvas)
    return path


def _mean(line: Line, key: str) -> Mean | None:
    value = line.last.get(key)
    return None if value is None else value.mean


def _label(axis: Axis) -> str:
    return axis.title if axis.unit == "share" else f"{axis.title} ({axis.unit})"


def _caption(board: str, rows: list[Row]) -> str:
    seeds = sorted({row.seeds for row in rows})
    n = counted(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    pale = "; pale: fewer than three seeds" if any(not row.ranked for row in rows) else ""
    return f"{board}: {counted(len(rows), 'model')}, last exits; means and 95% intervals over n = {n}{pale}."
