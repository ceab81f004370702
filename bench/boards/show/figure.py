"""Figures for papers: one board's trade-off as PNG, SVG or PDF (matplotlib, an extra)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.boards.axes import Axis, axes
from bench.boards.board import Board, Field, Line
from bench.boards.families import KINDS, density_of, without_density
from bench.boards.rows import Row
from bench.boards.show.forms import form
from bench.boards.styles import SHAPES, Style
from bench.drawing import STYLE, pyplot, write
from bench.errors import SeesawError, counted
from bench.records.mean import Mean
from bench.records.setup import DENSE

SHORT = {"accuracy": "top1", "effective": "macs.effective", "storage": "bytes"}
"""Words that users may type for the key of an axis."""
DASHES = ("-", "--", ":", "-.")
"""Of the lines of each backbone."""
ALIKE, APART = 0.02, 0.011
"""Marks that differ across by less than this share of the axis (or, on a logarithmic one, of themselves) stand side by side, so far
apart: else methods that keep equally many weights cover each other's intervals."""
BELOW = 3
"""A logarithmic axis begins so many times below the least mean, if an interval reaches farther."""
FAR = 3
"""Points farther from the best than so many times as far as the middle one are clipped, and named in the caption."""


class Mark(NamedTuple):
    """A row at its place.

    Attributes:
        row: its records.
        x: the number across.
        y: the number up.
        at: where it stands across: its number, or a little beside it where others have it too.
    """

    row: Row
    x: Mean
    y: Mean
    at: float


def figure(
    board: Board, field: Field, lines: Sequence[Line], x: str, y: str, path: Path, styles: Mapping[str, Style],
    width: float | None = None,
) -> Path:  # fmt: skip
    """Draw the last exits of one recipe on one machine, means over seeds with 95% intervals; the caption says of what.

    A line joins a method's densities on one network. Nothing covers the points: the legend stands beside them, or above.

    Args:
        board: whose name stands in the caption.
        field: the rows that may be compared.
        lines: those of its lines that are drawn.
        x: key of the axis across, from `bench.boards.axes.axes`, or a word of `SHORT`.
        y: key of the axis up.
        path: the file to write; its ending is the format.
        styles: of every method, by its spec without the density.
        width: inches, as it will be printed; None for one as wide as a page's text.

    Raises:
        SeesawError: no matplotlib, no such axis, no line, none that has both numbers, an unknown format, or too narrow.
    """
    plt = pyplot(path)
    all_axes = axes(line.row for line in lines)
    keys = [SHORT.get(key, key) for key in (x, y)]
    marks = _marks(board.name, lines, keys, all_axes)
    across, up = (all_axes[key] for key in keys)
    shown, far = _near(marks) if up.up and up.unit == "share" else (marks, [])
    own = form(width, len({without_density(mark.row.setup.method.label) for mark in marks}))
    with plt.rc_context(STYLE | {"font.size": own.letters}):
        canvas, plot = plt.subplots(figsize=own.inches, layout="constrained")
        shown, is_moved = _side_by_side(shown, across, styles)
        _draw(plot, shown, (across, up), styles)
        _scale(plot.xaxis, plot.set_xscale, plot.set_xlim, across, [mark.x for mark in shown])
        _scale(plot.yaxis, plot.set_yscale, plot.set_ylim, up, [mark.y for mark in shown])
        plot.set_xlabel(_label(across))
        plot.set_ylabel(_label(up))
        plot.grid(visible=True, alpha=0.25, linewidth=0.5)
        canvas.legend(loc=own.place, fontsize=own.names, frameon=False, ncols=own.columns)
        leaves = any(
            _leaves([getattr(m, side) for m in shown], axis) for side, axis in (("x", across), ("y", up))
        )
        caption = _caption(board.name, field, shown, far, is_moved=is_moved, leaves=leaves)
        canvas.supxlabel(caption, fontsize=min(own.names, 7), color="0.35", wrap=True)
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
        Mark(line.row, a, b, a.value)
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


def _side_by_side(marks: list[Mark], across: Axis, styles: Mapping[str, Style]) -> tuple[list[Mark], bool]:
    """Marks of nearly equal numbers across beside each other, by kind and name of their methods; and whether any was moved."""
    values = [mark.x.value for mark in marks]
    is_log = across.unit != "share" and min(values) > 0
    places = [math.log(value) if is_log else value for value in values]
    width = 1.0 if is_log else (max(places) - min(places)) or 1.0
    groups: list[list[tuple[float, Mark]]] = []
    for place, mark in sorted(zip(places, marks, strict=True), key=lambda pair: pair[0]):
        if not groups or place - groups[-1][0][0] > ALIKE * width:
            groups.append([])
        groups[-1].append((place, mark))
    moved: list[Mark] = []
    for group in groups:
        group.sort(key=lambda pair: _kind_and_name(pair[1], styles))
        for number, (place, mark) in enumerate(group):
            there = place + APART * width * (number - (len(group) - 1) / 2)
            moved.append(mark if len(group) == 1 else mark._replace(at=math.exp(there) if is_log else there))
    return moved, any(len(group) > 1 for group in groups)


def _kind_and_name(mark: Mark, styles: Mapping[str, Style]) -> tuple[str, str]:
    family = without_density(mark.row.setup.method.label)
    return styles[family].kind, family


def _draw(plot: Any, marks: list[Mark], sides: tuple[Axis, Axis], styles: Mapping[str, Style]) -> None:
    """A line for each method on each backbone, with a name in the legend for each method and each backbone."""
    own: dict[tuple[str, str, str], list[Mark]] = defaultdict(list)
    for mark in marks:
        setup = mark.row.setup
        own[setup.backbone.label, mark.row.plan, without_density(setup.method.label)].append(mark)
    backbones = sorted({backbone for backbone, _, _ in own})
    named, kinds = set[str](), set[str]()
    for (backbone, _, family), some in sorted(own.items(), key=lambda item: _order(item, styles)):
        style = styles[family]
        some.sort(key=lambda mark: density_of(mark.row))
        dash = DASHES[backbones.index(backbone) % len(DASHES)]
        plot.plot(
            [m.at for m in some],
            [m.y.value for m in some],
            dash,
            color=style.colour,
            linewidth=0.8,
            alpha=0.7,
        )
        for mark in some:
            plot.errorbar(
                mark.at, mark.y.value, xerr=_bars(mark.x, sides[0]), yerr=_bars(mark.y, sides[1]), linestyle="none",
                capsize=1, elinewidth=0.5, markersize=3.5, marker=SHAPES[style.shape], color=style.colour,
                alpha=1.0 if mark.row.ranked else 0.35,
            )  # fmt: skip
        if style.kind not in kinds and style.kind != DENSE:
            plot.plot([], [], linestyle="none", label=f"{KINDS[style.kind]}:")
        kinds.add(style.kind)
        if family not in named:
            plot.plot([], [], SHAPES[style.shape], color=style.colour, markersize=4, label=family)
            named.add(family)
    if len(backbones) > 1:
        for number, backbone in enumerate(backbones):
            plot.plot([], [], DASHES[number % len(DASHES)], color="0.3", linewidth=0.8, label=backbone)


def _bars(mean: Mean, axis: Axis) -> list[list[float]] | None:
    """How far an interval is drawn below and above its mean: no share is more than all; None without an interval."""
    if not mean.half:
        return None
    return [[mean.half], [min(mean.half, max(1 - mean.value, 0.0)) if axis.unit == "share" else mean.half]]


def _order(
    item: tuple[tuple[str, str, str], list[Mark]], styles: Mapping[str, Style]
) -> tuple[str, str, str]:
    """Lines stand by the kind of their method, then by name."""
    (backbone, _, family), _ = item
    return styles[family].kind, family, backbone


def _scale(side: Any, set_scale: Any, limit: Any, axis: Axis, means: list[Mean]) -> None:
    """Limits that hold every interval, of shares as far as 100%, and ticks that can be read: in percent, others with prefixes."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, PercentFormatter

    low, high = min(mean.low for mean in means), max(mean.high for mean in means)
    if axis.unit == "share":
        high = min(high, 1.0)
        air = 0.04 * (high - low or 0.1)
        is_all = max(mean.value for mean in means) == 1  # such a mark is not cut
        limit(low - air, high + air if is_all else min(high + air, 1.0))
        side.set_major_formatter(PercentFormatter(1))
        return
    set_scale("log")
    low = max(low, _least(means))
    if low > 0:
        limit(low / 1.1, high * 1.1)
        subs = (1.0, 2.0, 5.0) if high / low < 50 else (1.0, 3.0) if high / low < 1000 else (1.0,)
        side.set_major_locator(LogLocator(subs=subs))
    side.set_major_formatter(EngFormatter(sep=""))
    side.set_minor_formatter(NullFormatter())


def _leaves(means: list[Mean], axis: Axis) -> bool:
    """Whether an interval reaches beyond the beginning of its axis."""
    return axis.unit != "share" and min(mean.low for mean in means) < _least(means)


def _least(means: list[Mean]) -> float:
    """Where a logarithmic axis begins at least: an interval may reach below 0, where no logarithm is."""
    return min(mean.value for mean in means) / BELOW


def _mean(line: Line, key: str) -> Mean | None:
    value = line.last.get(key)
    return None if value is None else value.mean


def _label(axis: Axis) -> str:
    return axis.title if axis.unit == "share" else f"{axis.title} ({axis.unit})"


def _caption(
    board: str, field: Field, marks: list[Mark], far: list[Mark], *, is_moved: bool, leaves: bool
) -> str:
    rows = [mark.row for mark in marks]
    seeds = sorted({mean.n for mark in marks for mean in (mark.x, mark.y)})
    n = counted(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    pale = "; pale: fewer than three seeds" if any(not row.ranked for row in rows) else ""
    out = "; intervals that reach to 0 leave the plot" if leaves else ""
    beside = "; marks of nearly equal numbers stand side by side" if is_moved else ""
    names = ", ".join(f"{mark.row.setup.model_at_density} {mark.y.value:.1%}" for mark in far)
    below = f" Far below: {names}." if far else ""
    return (
        f"{board}, {field.peers.name}: {counted(len(rows), 'model')}, last exits; means and 95% intervals over n = {n}{pale}{beside}{out}."
        f"{below}"
    )
