"""Figures for papers: one board's trade-off as PNG, SVG or PDF (matplotlib, an extra)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.boards.axes import Axis, axes
from bench.boards.board import Board, Field, Line
from bench.boards.families import density_of, without_density
from bench.boards.rows import Row
from bench.boards.styles import SHAPES, Style
from bench.drawing import STYLE, pyplot, write
from bench.errors import SeesawError, counted
from bench.records.mean import Mean

SHORT = {"accuracy": "top1", "effective": "macs.effective", "storage": "bytes"}
"""Words that users may type for the key of an axis."""
DASHES = ("-", "--", ":", "-.")
"""Of the lines of each backbone."""
FEW, LOTS = (6.4, 4.0), (7.2, 5.2)
"""Inches of a figure with few methods, and of one with more than `MANY`."""
MANY = 12
FAR = 3
"""Points farther from the best than so many times as far as the middle one are clipped, and named in the caption."""


class Mark(NamedTuple):
    """A row at its place."""

    row: Row
    x: Mean
    y: Mean


def figure(
    board: Board, field: Field, lines: Sequence[Line], x: str, y: str, path: Path, styles: Mapping[str, Style]
) -> Path:
    """Draw the last exits of one recipe on one machine, means over seeds with 95% intervals; the caption says of what.

    A line joins a method's densities on one network. Nothing covers the points: the legend stands beside them.

    Args:
        board: whose name stands in the caption.
        field: the rows that may be compared.
        lines: those of its lines that are drawn.
        x: key of the axis across, from `bench.boards.axes.axes`, or a word of `SHORT`.
        y: key of the axis up.
        path: the file to write; its ending is the format.
        styles: of every method, by its spec without the density.

    Raises:
        SeesawError: no matplotlib, no such axis, no line, none that has both numbers, or an unknown format.
    """
    plt = pyplot(path)
    all_axes = axes(line.row for line in lines)
    keys = [SHORT.get(key, key) for key in (x, y)]
    marks = _marks(board.name, lines, keys, all_axes)
    across, up = (all_axes[key] for key in keys)
    shown, far = _near(marks) if up.up and up.unit == "share" else (marks, [])
    many = len({without_density(mark.row.setup.method.label) for mark in marks}) > MANY
    with plt.rc_context(STYLE):
        canvas, plot = plt.subplots(figsize=LOTS if many else FEW, layout="constrained")
        _draw(plot, shown, styles)
        _scale(plot.xaxis, plot.set_xscale, plot.set_xlim, across, [mark.x for mark in shown])
        _scale(plot.yaxis, plot.set_yscale, plot.set_ylim, up, [mark.y for mark in shown])
        plot.set_xlabel(_label(across))
        plot.set_ylabel(_label(up))
        plot.grid(visible=True, alpha=0.25, linewidth=0.5)
        canvas.legend(loc="outside right upper", fontsize=6.5 if many else 8, frameon=False, ncols=1)
        canvas.supxlabel(_caption(board.name, field, shown, far), fontsize=7, color="0.35", wrap=True)
        write(canvas, path)
        plt.close(canvas)
    return path


def _marks(
    board: str, lines: Sequence[Line], keys: Sequence[str], all_axes: Mapping[str, Axis]
) -> list[Mark]:
    """The lines that have both numbers, at their places."""
    for key in keys:
        if key not in all_axes:
            raise SeesawError(f"There is no axis {key!r}. The axes are {', '.join(all_axes)}.")
    if not lines:
        raise SeesawError(f"No model on {board} is of these backbones and methods. Name others.")
    marks = [
        Mark(line.row, a, b)
        for line in lines
        if (a := _mean(line, keys[0])) is not None and (b := _mean(line, keys[1])) is not None
    ]
    if not marks:
        raise SeesawError(f"No model on {board} has both {keys[0]} and {keys[1]}. Choose other axes.")
    return marks


def _near(marks: list[Mark]) -> tuple[list[Mark], list[Mark]]:
    """The marks that are drawn, and those that lie far below."""
    best = max(mark.y.value for mark in marks)
    gaps = sorted(best - mark.y.value for mark in marks)
    least = best - max(FAR * gaps[len(gaps) // 2], 0.02)
    return [mark for mark in marks if mark.y.value >= least], [mark for mark in marks if mark.y.value < least]


def _draw(plot: Any, marks: list[Mark], styles: Mapping[str, Style]) -> None:
    """A line for each method on each backbone, with a name in the legend for each method and each backbone."""
    own: dict[tuple[str, str, str], list[Mark]] = defaultdict(list)
    for mark in marks:
        setup = mark.row.setup
        own[setup.backbone.label, mark.row.plan, without_density(setup.method.label)].append(mark)
    backbones = sorted({backbone for backbone, _, _ in own})
    named: set[str] = set()
    for (backbone, _, family), some in sorted(own.items(), key=lambda item: _order(item, styles)):
        style = styles[family]
        some.sort(key=lambda mark: density_of(mark.row))
        dash = DASHES[backbones.index(backbone) % len(DASHES)]
        plot.plot(
            [m.x.value for m in some],
            [m.y.value for m in some],
            dash,
            color=style.colour,
            linewidth=0.8,
            alpha=0.7,
        )
        for mark in some:
            plot.errorbar(
                mark.x.value, mark.y.value, xerr=mark.x.half or None, yerr=mark.y.half or None, linestyle="none",
                capsize=1.5, elinewidth=0.6, markersize=4, marker=SHAPES[style.shape], color=style.colour,
                alpha=1.0 if mark.row.ranked else 0.35,
            )  # fmt: skip
        if family not in named:
            plot.plot([], [], SHAPES[style.shape], color=style.colour, markersize=4, label=family)
            named.add(family)
    if len(backbones) > 1:
        for number, backbone in enumerate(backbones):
            plot.plot([], [], DASHES[number % len(DASHES)], color="0.3", linewidth=0.8, label=backbone)


def _order(
    item: tuple[tuple[str, str, str], list[Mark]], styles: Mapping[str, Style]
) -> tuple[str, str, str]:
    """Lines stand by the kind of their method, then by name."""
    (backbone, _, family), _ = item
    return styles[family].kind, family, backbone


def _scale(side: Any, set_scale: Any, limit: Any, axis: Axis, means: list[Mean]) -> None:
    """Limits that hold every interval, and ticks that can be read: shares in percent, other numbers with prefixes."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, PercentFormatter

    low, high = min(mean.low for mean in means), max(mean.high for mean in means)
    if axis.unit == "share":
        air = 0.04 * (high - low or 0.1)
        limit(low - air, high + air)
        side.set_major_formatter(PercentFormatter(1))
        return
    set_scale("log")
    low = max(
        low, min(mean.value for mean in means) / 10
    )  # an interval may reach below 0, where no logarithm is
    if low > 0:
        limit(low / 1.1, high * 1.1)
        subs = (1.0, 2.0, 5.0) if high / low < 50 else (1.0, 3.0) if high / low < 1000 else (1.0,)
        side.set_major_locator(LogLocator(subs=subs))
    side.set_major_formatter(EngFormatter(sep=""))
    side.set_minor_formatter(NullFormatter())


def _mean(line: Line, key: str) -> Mean | None:
    value = line.last.get(key)
    return None if value is None else value.mean


def _label(axis: Axis) -> str:
    return axis.title if axis.unit == "share" else f"{axis.title} ({axis.unit})"


def _caption(board: str, field: Field, marks: list[Mark], far: list[Mark]) -> str:
    rows = [mark.row for mark in marks]
    seeds = sorted({row.seeds for row in rows})
    n = counted(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    pale = "; pale: fewer than three seeds" if any(not row.ranked for row in rows) else ""
    names = ", ".join(f"{mark.row.setup.model_at_density} {mark.y.value:.1%}" for mark in far)
    below = f" Far below: {names}." if far else ""
    return (
        f"{board}, {field.peers.name}: {counted(len(rows), 'model')}, last exits; means and 95% intervals over n = {n}{pale}."
        f"{below}"
    )
