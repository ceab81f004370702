"""Three plots of a replayed stream: regret over samples, accuracy and cost over the cost of sending on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.drawing import COLOURS, SHAPES, STYLE, pyplot, write
from bench.errors import counted
from bench.records.terms import ALL_LAYERS, EARLY_EXIT, Terms
from bench.replay.streams.tally import PolicyRow, varied

DASHES = ("-", "-.", (0, (8, 2)), (0, (5, 1, 1, 1, 1, 1)))
"""Lines: the first for as many policies as there are colours, the second for the next ones, and so on.

Bounds are dotted, and (b) is dashed."""
PANELS, COLUMNS = 9, 3
"""How many panels are drawn, at most, and how many beside each other."""
WIDTH, HEIGHT = 4.4, 3.8
"""Of a panel, in inches."""
LINEAR = 10
"""Regret up to which its axis has equal steps; beyond they grow tenfold."""
AXES = {"accuracy": "accuracy", "cost": "mean cost of a sample, booked"}

Looks = dict[str, dict[str, Any]]
Panels = dict[str, list[PolicyRow]]


def figures(
    rows: Sequence[PolicyRow], marks: np.ndarray, folder: Path, across: str = "offload", ending: str = "png"
) -> list[Path]:
    """Draw regret, accuracy and cost, with a panel for all rows of the same terms, and write each to a file.

    Args:
        rows: of a sweep.
        marks: the numbers of samples after which regret was read.
        folder: for the three files; made where it is not there.
        across: the term that accuracy and cost are drawn over; where it has one value, every name has a row
            of its own in the plot.
        ending: of the files: png, svg or pdf.

    Raises:
        SeesawError: matplotlib is not there, or a file cannot be written.
    """
    swept, looks = {across} & varied(rows), _looks(rows)
    firsts = _firsts(rows)
    learning = [row for row in rows if row.terms in firsts and not row.bound]

    def draw(axis: Any, what: str, own: Sequence[PolicyRow]) -> None:
        if what == "regret":
            _regret(axis, own, marks, looks)
        elif swept:
            _lines(axis, own, what, across, looks)
        else:
            _dots(axis, own, what, looks)

    paths = [folder / f"{what}.{ending}" for what in ("regret", "accuracy", "cost")]
    for path in paths:
        drawn, within = (learning, set()) if path is paths[0] else (rows, swept)
        _figure(path, _panels(drawn, within), _caption(drawn, within), draw, looks)
    return paths


def _firsts(rows: Sequence[PolicyRow]) -> set[Terms]:
    """The terms with the first cost of sending on, for every policy, alpha, layer and mu."""
    firsts: dict[tuple[Any, ...], Terms] = {}
    for row in rows:
        firsts.setdefault((row.name, row.terms._replace(offload=0)), row.terms)
    return set(firsts.values())


def _looks(rows: Sequence[PolicyRow]) -> Looks:
    """For each name a label, and a colour, marker and dash of its own: the same in all plots, bounds last."""
    looks: Looks = {
        ALL_LAYERS: {"color": "black", "marker": "<", "linestyle": "-"},
        EARLY_EXIT: {"color": "black", "marker": ">", "linestyle": "--"},
    }
    labels = {row.name: row.label for row in sorted(rows, key=lambda row: row.bound)}
    bounds = {row.name for row in rows if row.bound}
    for number, name in enumerate(name for name in labels if name not in looks):
        turn, place = divmod(number, len(COLOURS))
        dash = ":" if name in bounds else DASHES[turn % len(DASHES)]
        shape = SHAPES[(place + turn) % len(SHAPES)]
        looks[name] = {"color": COLOURS[place], "marker": shape, "linestyle": dash}
    return {
        name: look | {"markersize": 5, "linewidth": 1.3, "label": labels[name]}
        for name, look in looks.items()
    }


def _panels(rows: Sequence[PolicyRow], within: set[str]) -> Panels:
    """Rows by the values of the terms in which they differ, in words, except for the terms in `within`."""
    panels: Panels = {}
    for row in rows:
        values = (f"{k} {v:g}" for k, v in row.terms._asdict().items() if k in varied(rows) - within)
        panels.setdefault(", ".join(values), []).append(row)
    return panels


def _caption(rows: Sequence[PolicyRow], within: set[str]) -> str:
    """The terms and passes that all panels share, and how many panels are left out."""
    alike = [f"{k} {v:g}" for k, v in rows[0].terms._asdict().items() if k not in varied(rows)]
    n, panels = len(rows[0].tallies), len(_panels(rows, within))
    means = f"means over {n} reshufflings, 95% intervals" if n > 1 else "one pass over the stream"
    left_out = f"; the first {PANELS} of {counted(panels, 'panel')}" if panels > PANELS else ""
    return "; ".join([", ".join(alike), means]) + left_out


def _figure(
    path: Path,
    panels: Panels,
    caption: str,
    draw: Callable[[Any, str, Sequence[PolicyRow]], None],
    looks: Looks,
) -> None:
    """Draw panels that share their axes, with one legend beside them, and write them to a file."""
    shown = list(panels.items())[:PANELS]
    columns = min(len(shown), COLUMNS)
    lines = -(-len(shown) // columns)
    plt = pyplot(path)
    with plt.rc_context(STYLE):
        canvas, axes = plt.subplots(
            lines, columns, layout="constrained", sharex=True, sharey=True, squeeze=False
        )
        for axis in axes.flat[len(shown) :]:
            axis.remove()
        for number, (axis, (title, rows)) in enumerate(zip(axes.flat, shown, strict=False)):
            draw(axis, path.stem, rows)
            axis.set_title(title, fontsize=9)
            axis.grid(visible=True, alpha=0.3)
            axis.tick_params(labelbottom=True)  # below a panel there may be none
            if number % columns:
                axis.set_ylabel("")
        canvas.supxlabel(caption, fontsize=7, color="0.35")
        width, height = WIDTH * columns, HEIGHT * lines
        if legend := _legend(canvas, looks):
            width, height = width + legend[0], max(height, legend[1])
        else:
            height = (1.2 + 0.25 * len(looks)) * lines
        canvas.set_size_inches(width, height)
        write(canvas, path)
        plt.close(canvas)


def _legend(canvas: Any, looks: Looks) -> tuple[float, float] | None:
    """Put one legend beside all panels; returns its (width, height) in inches, None without any label."""
    handles: dict[str, Any] = {}
    for axis in canvas.axes:
        handles |= {name: handle for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    names = [look["label"] for look in looks.values() if look["label"] in handles]
    if not names:
        return None
    legend = canvas.legend(
        [handles[name] for name in names], names, loc="outside right upper", fontsize=8, handlelength=3.5
    )
    box = legend.get_window_extent()
    return box.width / canvas.dpi, box.height / canvas.dpi + 0.3


def _regret(axis: Any, rows: Sequence[PolicyRow], marks: np.ndarray, looks: Looks) -> None:
    """Draw a line and a band for each row of one panel."""
    step = -(-len(marks) // 8)
    for number, row in enumerate(rows):
        mean, low, high = row.regret()
        look = looks[row.name]
        axis.plot(marks, mean, markevery=(number * step // len(rows), step), **look)
        axis.fill_between(marks, low, high, color=look["color"], alpha=0.2, linewidth=0)
    axis.set_xlabel("samples")
    axis.set_ylabel("cumulative regret")
    if max(abs(row.regret()).max() for row in rows) > LINEAR:
        axis.set_yscale(
            "symlog", linthresh=LINEAR
        )  # always computing all layers would flatten every other line


def _lines(axis: Any, rows: Sequence[PolicyRow], what: str, across: str, looks: Looks) -> None:
    """Draw a line for each name of one panel."""
    for name in dict.fromkeys(row.name for row in rows):
        own = [row for row in rows if row.name == name]
        points = sorted((getattr(row.terms, across), *row.mean(what).interval) for row in own)
        at, mean, low, high = (np.array(column) for column in zip(*points, strict=True))
        axis.errorbar(at, mean, yerr=[mean - low, high - mean], capsize=2, **looks[name])
    axis.set_xlabel("cost of sending a sample on (offload)" if across == "offload" else across)
    axis.set_ylabel(AXES[what])


def _dots(axis: Any, rows: Sequence[PolicyRow], what: str, looks: Looks) -> None:
    """Draw each name of one panel in a row of its own: without a sweep there is no second axis."""
    names = list(looks)
    for row in rows:
        mean, low, high = row.mean(what).interval
        axis.errorbar(
            mean,
            names.index(row.name),
            xerr=[[mean - low], [high - mean]],
            capsize=2,
            **looks[row.name] | {"label": "_"},
        )
    axis.set_yticks(range(len(names)), [looks[name]["label"] for name in names])
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel(AXES[what])
